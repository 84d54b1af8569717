//! JSON as Matrix wants it: strict reading, refusals with a name, and the canonical encoding.
pub mod check;
pub mod lexer;
pub mod splitter;
pub mod tree;

/// Why a text is refused; `name` is part of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    NotJson,
    DuplicateKey,
    Depth,
    IntegerRange,
    Float,
    Surrogate,
    Shape,
}

impl Reason {
    pub fn name(self) -> &'static str {
        match self {
            Reason::NotJson => "not_json",
            Reason::DuplicateKey => "duplicate_key",
            Reason::Depth => "depth",
            Reason::IntegerRange => "integer_range",
            Reason::Float => "float",
            Reason::Surrogate => "surrogate",
            Reason::Shape => "shape",
        }
    }
}
