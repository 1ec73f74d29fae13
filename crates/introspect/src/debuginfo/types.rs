//! Types as debug information has them, and the way from a member's name to its place.

/// A type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TypeId(pub usize);

/// What a type is, as far as layouts go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// A structure or union.
    Aggregate {
        /// Its bytes.
        size: u64,
        /// Its members without bit-fields, in order.
        members: Vec<Member>,
    },
    /// An array.
    Array {
        /// Type of its elements.
        element: TypeId,
        /// Their number.
        count: u64,
    },
    /// Another name for a type, or a qualified one.
    Alias(TypeId),
    /// A number, a pointer, or any other type without members.
    Plain {
        /// Its bytes.
        size: u64,
    },
}

/// A member of a structure or union.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name; `None` for an anonymous structure or union, whose members count as those of the outer one.
    pub name: Option<String>,
    /// Bytes from the beginning.
    pub offset: u64,
    /// Its type.
    pub kind: TypeId,
}

/// Offset and size of a member in a structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Bytes from the beginning.
    pub offset: u64,
    /// Its bytes.
    pub size: u64,
}

/// The types in some debug information.
pub trait Types {
    /// The structure or union of this name whose members are known.
    fn find(&self, name: &str) -> Option<TypeId>;

    /// What a type is; `None` for one that is not there or is damaged.
    fn shape(&self, id: TypeId) -> Option<Shape>;

    /// Offset of a per-CPU variable among all of them; `None` where the debug information has no variables.
    fn percpu(&self, name: &str) -> Option<u32> {
        let _ = name;
        None
    }
}

/// Maximum nesting of types; the kernel's are far from it.
const MAX_DEPTH: u32 = 32;

/// Offset and size of a member. `path` is its name; for a member of a structure inside, the names from the outside in, with
/// dots.
pub fn field(types: &dyn Types, structure: &str, path: &str) -> Option<Field> {
    let (mut kind, mut offset) = (types.find(structure)?, 0_u64);
    for name in path.split('.') {
        let (found, distance) = member(types, kind, name, MAX_DEPTH)?;
        offset = offset.checked_add(distance)?;
        kind = found;
    }
    Some(Field { offset, size: size_of(types, kind, MAX_DEPTH)? })
}

/// The bytes of a structure.
pub fn size(types: &dyn Types, structure: &str) -> Option<u64> {
    size_of(types, types.find(structure)?, MAX_DEPTH)
}

fn member(types: &dyn Types, kind: TypeId, name: &str, depth: u32) -> Option<(TypeId, u64)> {
    let depth = depth.checked_sub(1)?;
    match types.shape(kind)? {
        Shape::Alias(other) => member(types, other, name, depth),
        Shape::Aggregate { members, .. } => members.into_iter().find_map(|it| match &it.name {
            Some(own) => (own == name).then_some((it.kind, it.offset)),
            None => {
                let (kind, offset) = member(types, it.kind, name, depth)?;
                Some((kind, it.offset.checked_add(offset)?))
            }
        }),
        Shape::Array { .. } | Shape::Plain { .. } => None,
    }
}

fn size_of(types: &dyn Types, kind: TypeId, depth: u32) -> Option<u64> {
    let depth = depth.checked_sub(1)?;
    match types.shape(kind)? {
        Shape::Alias(other) => size_of(types, other, depth),
        Shape::Array { element, count } => size_of(types, element, depth)?.checked_mul(count),
        Shape::Aggregate { size, .. } | Shape::Plain { size } => Some(size),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Types by their numbers; the first one is the structure `s`.
    struct Few(Vec<Shape>);

    impl Types for Few {
        fn find(&self, name: &str) -> Option<TypeId> {
            (name == "s").then_some(TypeId(0))
        }
        fn shape(&self, id: TypeId) -> Option<Shape> {
            self.0.get(id.0).cloned()
        }
    }

    fn member(name: &str, offset: u64, kind: usize) -> Member {
        Member { name: Some(name.to_owned()).filter(|name| !name.is_empty()), offset, kind: TypeId(kind) }
    }

    #[test]
    fn field_searches_anonymous_structures() {
        let types = Few(vec![
            Shape::Aggregate { size: 64, members: vec![member("a", 0, 1), member("", 8, 2), member("in", 32, 3)] },
            Shape::Plain { size: 8 },
            Shape::Aggregate { size: 24, members: vec![member("b", 4, 1)] },
            Shape::Alias(TypeId(4)),
            Shape::Aggregate { size: 32, members: vec![member("list", 8, 5)] },
            Shape::Array { element: TypeId(1), count: 3 },
        ]);
        let at = |path| field(&types, "s", path);
        assert_eq!(at("a"), Some(Field { offset: 0, size: 8 }));
        assert_eq!(at("b"), Some(Field { offset: 12, size: 8 }));
        assert_eq!(at("in.list"), Some(Field { offset: 40, size: 24 }));
        assert_eq!((at("in"), at("list"), at("a.b"), at("")), (Some(Field { offset: 32, size: 32 }), None, None, None));
        assert_eq!((size(&types, "s"), size(&types, "t"), field(&types, "t", "a")), (Some(64), None, None));
    }

    #[test]
    fn recursive_types_have_no_size_and_no_members() {
        let types = Few(vec![Shape::Alias(TypeId(1)), Shape::Alias(TypeId(0))]);
        assert_eq!((size(&types, "s"), field(&types, "s", "a")), (None, None));
        let types = Few(vec![Shape::Aggregate { size: 8, members: vec![member("", u64::MAX, 0)] }]);
        assert_eq!(field(&types, "s", "a"), None);
    }
}
