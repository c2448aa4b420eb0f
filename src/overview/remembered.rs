//! A value that is made anew only when it has become old, however many ask for it.

use std::time::{Duration, Instant};

/// A value, and when it was made.
#[derive(Debug)]
pub(super) struct Remembered<T>(Option<(Instant, T)>);

impl<T> Default for Remembered<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Clone> Remembered<T> {
    /// The value, which `make` makes when there is none that is younger than `young`.
    ///
    /// # Errors
    /// Those of `make`.
    pub(super) fn get<E>(&mut self, young: Duration, make: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        if let Some((made, value)) = &self.0
            && made.elapsed() < young
        {
            return Ok(value.clone());
        }
        let value = make()?;
        self.0 = Some((Instant::now(), value.clone()));
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_made_anew_when_it_is_old_and_a_failure_is_not_remembered() {
        let mut remembered = Remembered::default();
        assert_eq!(remembered.get(Duration::MAX, || Err::<u32, _>("full")), Err("full"));
        assert_eq!(remembered.get(Duration::MAX, || Ok::<_, &str>(1)), Ok(1));
        assert_eq!(remembered.get(Duration::MAX, || Ok::<_, &str>(2)), Ok(1));
        assert_eq!(remembered.get(Duration::ZERO, || Ok::<_, &str>(3)), Ok(3));
    }
}
