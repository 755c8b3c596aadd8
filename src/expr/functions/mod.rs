//! stub
use crate::record::Fault;
use crate::value::Value;
use bumpalo::Bump;
use std::ops::RangeInclusive;
pub type Body =
    Box<dyn for<'a> Fn(&'a Bump, &[Value<'a>]) -> Result<Value<'a>, Fault> + Send + Sync>;
pub struct Function {
    pub name: &'static str,
    pub parameters: &'static str,
    pub arity: RangeInclusive<usize>,
    pub nulls: Nulls,
    pub make: fn(&[Option<Value<'_>>]) -> Result<Body, MakeFault>,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nulls {
    Propagate,
    Sees,
}
pub struct MakeFault {
    pub argument: usize,
    pub fault: Fault,
}
pub fn find(_: &str) -> Option<&'static Function> {
    None
}
pub fn all() -> impl Iterator<Item = &'static Function> {
    std::iter::empty()
}
