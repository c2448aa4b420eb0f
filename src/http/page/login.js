// Logs in with a token: the answer sets a cookie, and the page opens.

const form = document.getElementById("login");
const token = document.getElementById("token");
const problem = document.getElementById("problem");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  problem.textContent = "";
  try {
    const answer = await fetch("/api/v1/login", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ token: token.value.trim() }),
    });
    if (answer.ok) {
      location.reload();
      return;
    }
    problem.textContent = (await answer.json()).detail;
  } catch {
    problem.textContent = "The daemon does not answer. Is it running?";
  }
  token.select();
});
