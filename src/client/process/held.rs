//! A request that the client's own limit holds back.

use super::Purpose;
use crate::api::request::Request;

/// A request that is held back.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) request: Box<Request>,
    pub(super) purpose: Purpose,
    pub(super) cause: u64,
    pub(super) background: bool,
}
