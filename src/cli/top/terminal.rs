//! Takes the terminal over, and gives it back however the command ends: in order, by an error, a panic or a signal.

use std::io::{self, Stdout};
use std::sync::Once;
use std::sync::mpsc::Sender;
use std::thread;

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use tokio::signal::unix::{SignalKind, signal};

use super::Input;
use super::dashboard::{Dashboard, Key};
use super::screen;

/// What comes from the terminal, or from whoever ends the command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TerminalEvent {
    /// A key that means something.
    Key(Key),
    /// The terminal has another size.
    Resized,
    /// A signal tells the command to end, or the terminal is gone.
    Stop,
}

/// The terminal while it is ours. Given back when this is dropped.
pub(super) struct OwnTerminal(Terminal<CrosstermBackend<Stdout>>);

impl OwnTerminal {
    pub(super) fn take_over() -> io::Result<Self> {
        give_back_at_a_panic();
        enable_raw_mode()?;
        let terminal = execute!(io::stdout(), EnterAlternateScreen)
            .and_then(|()| Terminal::new(CrosstermBackend::new(io::stdout())));
        if terminal.is_err() {
            give_back();
        }
        Ok(Self(terminal?))
    }

    pub(super) fn draw(&mut self, dashboard: &mut Dashboard) -> io::Result<()> {
        self.0.draw(|frame| screen::draw(frame, dashboard))?;
        Ok(())
    }
}

impl Drop for OwnTerminal {
    fn drop(&mut self) {
        give_back();
    }
}

/// Gives the terminal back. A failure is ignored: the terminal may be gone.
fn give_back() {
    let _ = execute!(io::stdout(), LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
}

/// Has a panic, of any thread, give the terminal back before it is printed.
fn give_back_at_a_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let print = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            give_back();
            print(panic);
        }));
    });
}

/// Hands over what comes from the terminal, and the signals that end the command.
///
/// # Errors
/// When the system refuses a thread.
pub(super) fn listen(inputs: Sender<Input>) -> io::Result<()> {
    let stop = inputs.clone();
    thread::Builder::new().name("keys".to_owned()).spawn(move || {
        loop {
            let event = match event::read() {
                Ok(Event::Key(key)) if key.kind != KeyEventKind::Release => key_of(key).map(TerminalEvent::Key),
                Ok(Event::Resize(..)) => Some(TerminalEvent::Resized),
                Ok(_) => None,
                Err(_) => Some(TerminalEvent::Stop),
            };
            let is_over = event == Some(TerminalEvent::Stop);
            if event.is_some_and(|event| inputs.send(Input::Terminal(event)).is_err()) || is_over {
                return;
            }
        }
    })?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        // Without a runtime or handlers, signals end the process as they always do.
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async {
            let kinds = [SignalKind::terminate(), SignalKind::hangup(), SignalKind::interrupt()];
            let [Ok(mut terminate), Ok(mut hangup), Ok(mut interrupt)] = kinds.map(signal) else { return };
            tokio::select! {
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
                _ = interrupt.recv() => {}
            }
            // The screen may have ended meanwhile.
            let _ = stop.send(Input::Terminal(TerminalEvent::Stop));
        });
    })?;
    Ok(())
}

/// The key of an event; `None` when it means nothing.
fn key_of(event: KeyEvent) -> Option<Key> {
    let is_control = event.modifiers.contains(KeyModifiers::CONTROL);
    Some(match event.code {
        KeyCode::Char('c' | 'd') if is_control => Key::Interrupt,
        KeyCode::Char(_) if is_control || event.modifiers.contains(KeyModifiers::ALT) => return None,
        KeyCode::Char(character) => Key::Character(character),
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Escape,
        KeyCode::Backspace => Key::Backspace,
        _ => return None,
    })
}
