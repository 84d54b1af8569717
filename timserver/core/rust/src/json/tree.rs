//! JSON as a tree that borrows its texts, and its canonical encoding.
use std::borrow::Cow;

use super::Reason;
use super::lexer::{Lexer, Number};

/// As deep as the Python side can write.
pub const DEPTH_MAX: usize = 254;

/// So few members are looked through faster one by one: most names differ in length.
const SMALL: usize = 8;

#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    Null,
    Bool(bool),
    Integer(i64),
    Odd(Number<'a>), // a float, or an integer beyond 2^53 - 1, as rooms of versions 1 to 5 may have them
    String(Cow<'a, str>),
    Array(Vec<Value<'a>>),
    Object(Object<'a>),
}

impl<'a> Value<'a> {
    pub fn text(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    pub fn object(&self) -> Option<&Object<'a>> {
        match self {
            Value::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The same, borrowing nothing.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Value::Null => Value::Null,
            Value::Bool(value) => Value::Bool(value),
            Value::Integer(number) => Value::Integer(number),
            Value::Odd(Number { text, is_float }) => Value::Odd(Number { text: owned(text), is_float }),
            Value::String(text) => Value::String(owned(text)),
            Value::Array(items) => Value::Array(items.into_iter().map(Value::into_owned).collect()),
            Value::Object(object) => Value::Object(object.into_owned()),
        }
    }

    /// The bytes that it takes, about.
    pub fn size(&self) -> usize {
        let inner = match self {
            Value::Odd(number) => number.text.len(),
            Value::String(text) => text.len(),
            Value::Array(items) => items.iter().map(Value::size).sum(),
            Value::Object(object) => object.size(),
            _ => 0,
        };
        size_of::<Self>() + inner
    }

    /// Whether canonical JSON has a place for all numbers in it.
    pub fn is_strict(&self) -> bool {
        match self {
            Value::Odd(_) => false,
            Value::Array(items) => items.iter().all(Value::is_strict),
            Value::Object(object) => object.members().all(|(_, member)| member.is_strict()),
            _ => true,
        }
    }
}

/// Members, sorted by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object<'a>(Vec<Entry<'a>>);

/// A member: its name and its value.
pub type Entry<'a> = (Cow<'a, str>, Value<'a>);

impl<'a> Object<'a> {
    fn sorted(mut members: Vec<Entry<'a>>) -> Result<Self, Reason> {
        members.sort_unstable_by(|left, right| left.0.cmp(&right.0));
        let duplicate = members.windows(2).any(|pair| match pair {
            [left, right] => left.0 == right.0,
            _ => false,
        });
        if duplicate { Err(Reason::DuplicateKey) } else { Ok(Object(members)) }
    }

    pub fn get(&self, name: &str) -> Option<&Value<'a>> {
        if self.0.len() <= SMALL {
            return self.0.iter().find(|member| member.0 == name).map(|member| &member.1);
        }
        let at = self.0.binary_search_by(|member| member.0.as_ref().cmp(name)).ok()?;
        self.0.get(at).map(|member| &member.1)
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.text()
    }

    pub fn object(&self, name: &str) -> Option<&Object<'a>> {
        self.get(name)?.object()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn set(&mut self, name: &'a str, value: Value<'a>) {
        match self.0.binary_search_by(|member| member.0.as_ref().cmp(name)) {
            Ok(at) => {
                if let Some(member) = self.0.get_mut(at) {
                    member.1 = value;
                }
            }
            Err(at) => self.0.insert(at, (Cow::Borrowed(name), value)),
        }
    }

    pub fn remove(&mut self, name: &str) {
        self.0.retain(|member| member.0 != name);
    }

    pub fn members(&self) -> impl Iterator<Item = (&str, &Value<'a>)> {
        self.0.iter().map(|member| (member.0.as_ref(), &member.1))
    }

    pub fn as_slice(&self) -> &[Entry<'a>] {
        &self.0
    }

    /// The same, borrowing nothing.
    pub fn into_owned(self) -> Object<'static> {
        let members = self.0.into_iter().map(|(name, value)| (owned(name), value.into_owned()));
        Object(members.collect())
    }

    /// The bytes that it takes, about.
    pub fn size(&self) -> usize {
        self.0.iter().map(|(name, value)| size_of_val(name) + name.len() + value.size()).sum()
    }

    /// An object of one member.
    pub fn of(name: &'a str, value: Value<'a>) -> Self {
        Object(vec![(Cow::Borrowed(name), value)])
    }
}

/// Reads strictly: no duplicate keys, no floats, integers up to 2^53 - 1, at most `DEPTH_MAX` levels.
pub fn parse(data: &[u8]) -> Result<Value<'_>, Reason> {
    parse_by(data, |number| number.strict().map(Value::Integer))
}

/// Reads an object, by the rules of `parse`.
pub fn parse_object(data: &[u8]) -> Result<Object<'_>, Reason> {
    object_of(parse(data)?)
}

/// As `parse_object`, but takes numbers of all kinds.
pub fn parse_loose_object(data: &[u8]) -> Result<Object<'_>, Reason> {
    object_of(parse_by(data, loose)?)
}

fn loose(number: Number<'_>) -> Result<Value<'_>, Reason> {
    Ok(number.strict().map_or(Value::Odd(number), Value::Integer))
}

/// Of a text, all by itself.
pub fn owned(text: Cow<'_, str>) -> Cow<'static, str> {
    Cow::Owned(text.into_owned())
}

/// Reads some members of an object, numbers of all kinds; an empty one of what is no object.
pub fn read_named<'a>(text: &'a str, names: &[&str]) -> Result<Object<'a>, Reason> {
    if names.is_empty() || !text.starts_with('{') {
        return Ok(Object::default());
    }
    let mut members = Vec::new();
    read_members(text.as_bytes(), |name, member| {
        if names.contains(&name.as_ref()) {
            members.push((name, member.value()?));
        } else {
            member.skip()?;
        }
        Ok(())
    })?;
    Object::sorted(members)
}

/// Reads an object member by member, numbers of all kinds; `take` says what to do with each name.
pub fn read_members<'a>(
    data: &'a [u8],
    mut take: impl FnMut(Cow<'a, str>, Member<'a, '_>) -> Result<(), Reason>,
) -> Result<(), Reason> {
    let mut reader = Reader { lexer: Lexer::new(data)?, number: loose as ReadNumber<'a> };
    reader.lexer.expect(b'{')?;
    if reader.lexer.peek_token() == Some(b'}') {
        reader.lexer.skip();
        return reader.lexer.end();
    }
    loop {
        reader.lexer.peek_token();
        let name = reader.lexer.string()?;
        reader.lexer.expect(b':')?;
        take(name, Member(&mut reader))?;
        if reader.lexer.peek_token() != Some(b',') {
            reader.lexer.expect(b'}')?;
            return reader.lexer.end();
        }
        reader.lexer.skip();
    }
}

/// The value of a member that is being read: either of the two must be asked for.
pub struct Member<'a, 'r>(&'r mut Reader<'a, ReadNumber<'a>>);

type ReadNumber<'a> = fn(Number<'a>) -> Result<Value<'a>, Reason>;

impl<'a> Member<'a, '_> {
    pub fn value(self) -> Result<Value<'a>, Reason> {
        self.0.value(1)
    }

    /// Its text, unread.
    pub fn skip(self) -> Result<&'a str, Reason> {
        self.0.lexer.skip_value()
    }
}

fn object_of(value: Value<'_>) -> Result<Object<'_>, Reason> {
    match value {
        Value::Object(object) => Ok(object),
        _ => Err(Reason::NotJson),
    }
}

fn parse_by<'a>(
    data: &'a [u8],
    number: impl Fn(Number<'a>) -> Result<Value<'a>, Reason>,
) -> Result<Value<'a>, Reason> {
    let mut reader = Reader { lexer: Lexer::new(data)?, number };
    let value = reader.value(0)?;
    reader.lexer.end()?;
    Ok(value)
}

struct Reader<'a, N> {
    lexer: Lexer<'a>,
    number: N,
}

impl<'a, N: Fn(Number<'a>) -> Result<Value<'a>, Reason>> Reader<'a, N> {
    fn value(&mut self, depth: usize) -> Result<Value<'a>, Reason> {
        match self.lexer.peek_token().ok_or(Reason::NotJson)? {
            b'{' if depth < DEPTH_MAX => self.object(depth + 1),
            b'[' if depth < DEPTH_MAX => self.array(depth + 1),
            b'{' | b'[' => Err(Reason::Depth),
            b'"' => self.lexer.string().map(Value::String),
            b't' => self.lexer.word("true").map(|()| Value::Bool(true)),
            b'f' => self.lexer.word("false").map(|()| Value::Bool(false)),
            b'n' => self.lexer.word("null").map(|()| Value::Null),
            _ => (self.number)(self.lexer.number()?),
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value<'a>, Reason> {
        self.lexer.skip();
        let mut items = Vec::new();
        if self.lexer.peek_token() == Some(b']') {
            self.lexer.skip();
            return Ok(Value::Array(items));
        }
        loop {
            items.push(self.value(depth)?);
            if self.lexer.peek_token() != Some(b',') {
                self.lexer.expect(b']')?;
                return Ok(Value::Array(items));
            }
            self.lexer.skip();
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value<'a>, Reason> {
        self.lexer.skip();
        let mut members = Vec::new();
        if self.lexer.peek_token() == Some(b'}') {
            self.lexer.skip();
            return Ok(Value::Object(Object(members)));
        }
        loop {
            self.lexer.peek_token();
            let name = self.lexer.string()?;
            self.lexer.expect(b':')?;
            members.push((name, self.value(depth)?));
            if self.lexer.peek_token() != Some(b',') {
                self.lexer.expect(b'}')?;
                return Object::sorted(members).map(Value::Object);
            }
            self.lexer.skip();
        }
    }
}

/// Appends the canonical encoding.
pub fn write(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Integer(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Value::Odd(number) => out.extend_from_slice(number.text.as_bytes()),
        Value::String(text) => write_string(text, out),
        Value::Array(items) => {
            out.push(b'[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write(item, out);
            }
            out.push(b']');
        }
        Value::Object(object) => write_members(object.members(), out, |_, member, out| write(member, out)),
    }
}

/// Appends an object of these members, whose values `write_value` writes.
pub fn write_members<'o, 'a: 'o>(
    members: impl Iterator<Item = (&'o str, &'o Value<'a>)>,
    out: &mut Vec<u8>,
    write_value: impl Fn(&str, &Value<'a>, &mut Vec<u8>),
) {
    out.push(b'{');
    for (at, (name, value)) in members.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write_string(name, out);
        out.push(b':');
        write_value(name, value, out);
    }
    out.push(b'}');
}

fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)) {
        let (plain, tail) = rest.split_at(at);
        out.extend_from_slice(plain);
        if let Some((byte, tail)) = tail.split_first() {
            write_escape(*byte, out);
            rest = tail;
        }
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

fn write_escape(byte: u8, out: &mut Vec<u8>) {
    let short = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        b'\t' => b't',
        b'\n' => b'n',
        0x0C => b'f',
        b'\r' => b'r',
        _ => {
            out.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}
