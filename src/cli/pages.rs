//! Lists of the API, page by page: an answer is read whole, so that one question asks for a part of a list.

use serde::de::DeserializeOwned;

use crate::answers::List;
use crate::http::client::{ClientError, DaemonClient, quoted};

/// How many entries one question asks for.
const PAGE: usize = 200;

/// Hands over the entries of a list, at most so many, in their order. `question` is a path, with or without a query.
pub(crate) fn each_entry<T: DeserializeOwned, E: From<ClientError>>(
    daemon: &DaemonClient,
    question: &str,
    most: usize,
    mut each: impl FnMut(T) -> Result<(), E>,
) -> Result<(), E> {
    let joint = if question.contains('?') { '&' } else { '?' };
    let (mut after, mut left) = (String::new(), most);
    while left > 0 {
        let page = format!("{question}{joint}limit={}{after}", left.min(PAGE));
        let List { items, next, .. } = daemon.get(&page)?.json::<List<T>>()?;
        left -= items.len().min(left);
        items.into_iter().try_for_each(&mut each)?;
        let Some(next) = next else { break };
        after = format!("&after={}", quoted(&next));
    }
    Ok(())
}
