// Logs in with a token: the answer sets a cookie, and the page opens.

const form = document.getElementById("login");
const token = document.getElementById("token");
const problem = document.getElementById("problem");

// The choice of light or dark, as theme.js keeps it.
const theme = localStorage.getItem("anomalyd-theme");
if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;

function say(words) {
  problem.textContent = words;
  problem.hidden = words === "";
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  say("");
  try {
    const answer = await fetch("api/v1/login", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ token: token.value.trim() }),
    });
    if (answer.ok) {
      location.reload();
      return;
    }
    say((await answer.json()).detail);
  } catch {
    say("The daemon does not answer. Is it running?");
  }
  token.select();
});
