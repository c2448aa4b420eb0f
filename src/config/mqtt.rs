//! `[mqtt]`: the sources of readings, and the routes of their messages.

use super::connect::{self, ConnectSettings};
use super::listen::{self, ListenSettings};
use super::reader::Section;
use super::route;
use crate::ingest::route::RouteSettings;

/// Where messages come from, and how they are read.
#[derive(Clone, Debug, PartialEq)]
pub struct MqttSettings {
    /// The endpoint that devices connect to, if it is on.
    pub listen: Option<ListenSettings>,
    /// The broker that we connect to, if there is one.
    pub connect: Option<ConnectSettings>,
    /// How messages are read. The first route that takes a message's topic reads it.
    pub routes: Vec<RouteSettings>,
}

pub(super) fn read(section: &mut Section<'_, '_>) -> MqttSettings {
    MqttSettings {
        listen: section.optional_section("listen", listen::read),
        connect: section.optional_section("connect", connect::read),
        routes: section.tables("route", route::read),
    }
}
