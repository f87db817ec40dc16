//! What a route of the operator's side is.

use std::sync::Arc;

use axum::routing::{MethodFilter, MethodRouter};
use http::Method;

use super::{
    desk::Desk,
    operator::Permission,
    shape::{Field, Shape},
};

/// One method of one path.
#[derive(Debug, Clone, Copy)]
pub(super) struct Route {
    pub(super) method: Verb,
    pub(super) path: &'static str,
    /// Its name, also that of the act.
    pub(super) name: &'static str,
    /// What it asks of whoever calls it.
    pub(super) permission: Permission,
    /// What it does, in a line.
    pub(super) summary: &'static str,
    /// What may be in its query.
    pub(super) query: &'static [Field],
    /// What its body is.
    pub(super) body: Option<Shape>,
    /// What it answers, by status.
    pub(super) answers: &'static [(u16, Shape)],
    /// What does it.
    pub(super) handler: fn(MethodFilter) -> MethodRouter<Arc<Desk>>,
}

/// The methods there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Get,
    Post,
    Patch,
    Delete,
}

impl Verb {
    pub(super) fn method(self) -> Method {
        match self {
            Self::Get => Method::GET,
            Self::Post => Method::POST,
            Self::Patch => Method::PATCH,
            Self::Delete => Method::DELETE,
        }
    }

    pub(super) const fn filter(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Post => MethodFilter::POST,
            Self::Patch => MethodFilter::PATCH,
            Self::Delete => MethodFilter::DELETE,
        }
    }
}

impl Route {
    pub(super) const fn get(
        path: &'static str,
        name: &'static str,
        permission: Permission,
        summary: &'static str,
        answers: &'static [(u16, Shape)],
        handler: fn(MethodFilter) -> MethodRouter<Arc<Desk>>,
    ) -> Self {
        Self { method: Verb::Get, path, name, permission, summary, query: &[], body: None, answers, handler }
    }

    pub(super) const fn post(
        path: &'static str,
        name: &'static str,
        permission: Permission,
        summary: &'static str,
        answers: &'static [(u16, Shape)],
        handler: fn(MethodFilter) -> MethodRouter<Arc<Desk>>,
    ) -> Self {
        Self { method: Verb::Post, ..Self::get(path, name, permission, summary, answers, handler) }
    }

    pub(super) const fn patch(
        path: &'static str,
        name: &'static str,
        permission: Permission,
        summary: &'static str,
        answers: &'static [(u16, Shape)],
        handler: fn(MethodFilter) -> MethodRouter<Arc<Desk>>,
    ) -> Self {
        Self { method: Verb::Patch, ..Self::get(path, name, permission, summary, answers, handler) }
    }

    pub(super) const fn delete(
        path: &'static str,
        name: &'static str,
        permission: Permission,
        summary: &'static str,
        answers: &'static [(u16, Shape)],
        handler: fn(MethodFilter) -> MethodRouter<Arc<Desk>>,
    ) -> Self {
        Self { method: Verb::Delete, ..Self::get(path, name, permission, summary, answers, handler) }
    }

    /// With what may be in its query.
    pub(super) const fn asked(self, query: &'static [Field]) -> Self {
        Self { query, ..self }
    }

    /// With what its body is.
    pub(super) const fn takes(self, body: Shape) -> Self {
        Self { body: Some(body), ..self }
    }

    /// Whether its handler does something, and keeps that itself.
    pub(super) fn is_act(&self) -> bool {
        self.method != Verb::Get && self.permission != Permission::ReadGateway
    }
}
