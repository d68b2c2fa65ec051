//! Where in an object a mistake lies: `spec.containers[0].resources.limits[cpu]`.

use std::fmt;

/// A field's path: a chain of borrowed parts, made on the stack and written out only for a mistake.
#[derive(Clone, Copy, Debug)]
pub struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    part: Part<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Part<'a> {
    Child(&'a str),
    Index(usize),
    Key(&'a str),
}

impl<'a> Path<'a> {
    /// The first part: `spec`. An empty name is the object itself.
    pub fn new(name: &'a str) -> Path<'a> {
        Path { parent: None, part: Part::Child(name) }
    }

    /// The field of this name; a name may hold dots: `template.spec`.
    #[must_use]
    pub fn child(&'a self, name: &'a str) -> Path<'a> {
        Path { parent: Some(self), part: Part::Child(name) }
    }

    /// The element at this place of a list.
    #[must_use]
    pub fn index(&'a self, index: usize) -> Path<'a> {
        Path { parent: Some(self), part: Part::Index(index) }
    }

    /// The entry of this key of a map.
    #[must_use]
    pub fn key(&'a self, key: &'a str) -> Path<'a> {
        Path { parent: Some(self), part: Part::Key(key) }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        match self.part {
            Part::Child(name) if self.parent.is_none() => f.write_str(name),
            Part::Child(name) => write!(f, ".{name}"),
            Part::Index(index) => write!(f, "[{index}]"),
            Part::Key(key) => write!(f, "[{key}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Path;

    #[test]
    fn a_path_is_written_as_the_apiserver_writes_it() {
        let spec = Path::new("spec");
        let containers = spec.child("containers");
        let container = containers.index(0);
        let limits = container.child("resources.limits");
        assert_eq!(limits.key("cpu").to_string(), "spec.containers[0].resources.limits[cpu]");
    }
}
