//! The tables: types, their fields in a file, their documentation and their schema in one place.

/// A struct that is a mapping in a file: `"key" => field: Type;` for a field that must be there,
/// `"key" => field: Type = default;` for one that need not.
///
/// `checked by f` calls `f(&value, node, session)` after a reading without mistakes.
macro_rules! object {
    (@required) => { true };
    (@required $default:expr) => { false };
    (@take $fields:ident, $session:ident, $key:literal, $Type:ty) => {
        $fields.required::<$Type>($key, $session)
    };
    (@take $fields:ident, $session:ident, $key:literal, $Type:ty, $default:expr) => {
        $fields.optional::<$Type>($key, $session, || $default)
    };
    (
        $(#[doc = $about:literal])*
        pub struct $Name:ident as $what:literal $(checked by $check:path)? {
            $(
                $(#[doc = $doc:literal])*
                $key:literal => $field:ident: $Type:ty $(= $default:expr)?;
            )*
        }
    ) => {
        $(#[doc = $about])*
        #[derive(Clone, PartialEq, Debug)]
        pub struct $Name {
            $( $(#[doc = $doc])* pub $field: $Type, )*
        }

        impl $crate::scenario::decode::Decode for $Name {
            fn shape(schema: &mut $crate::scenario::schema::Schema) -> serde_json::Value {
                schema.object(stringify!($Name), concat!($($about),*), |_schema| vec![
                    $( $crate::scenario::decode::Row {
                        key: $key,
                        about: concat!($($doc),*),
                        shape: <$Type as $crate::scenario::decode::Decode>::shape(_schema),
                        required: $crate::scenario::decode::object!(@required $($default)?),
                    } ),*
                ])
            }

            fn decode(
                node: &$crate::scenario::yaml::Node,
                session: &mut $crate::scenario::source::Session,
            ) -> Option<Self> {
                let known = &[$($key),*];
                let fields =
                    $crate::scenario::decode::Fields::open(node, $what, known, session)?;
                $( let $field = $crate::scenario::decode::object!(
                    @take fields, session, $key, $Type $(, $default)?
                ); )*
                let value = $Name { $( $field: $field? ),* };
                $( $check(&value, node, session); )?
                Some(value)
            }
        }
    };
}

/// An enum that is a mapping with one key in a file: `"key" => Variant(Type);`.
macro_rules! choice {
    (
        $(#[doc = $about:literal])*
        pub enum $Name:ident as $what:literal {
            $( $(#[doc = $doc:literal])* $key:literal => $Variant:ident($Type:ty); )*
        }
    ) => {
        $(#[doc = $about])*
        #[derive(Clone, PartialEq, Debug)]
        pub enum $Name {
            $( $(#[doc = $doc])* $Variant($Type), )*
        }

        impl $crate::scenario::decode::Choice for $Name {
            const WHAT: &'static str = $what;
            const NAMES: &'static [&'static str] = &[$($key),*];

            fn variant(
                name: &str,
                node: &$crate::scenario::yaml::Node,
                session: &mut $crate::scenario::source::Session,
            ) -> Option<Self> {
                match name {
                    $( $key => <$Type as $crate::scenario::decode::Decode>::decode(node, session)
                        .map($Name::$Variant), )*
                    _ => None,
                }
            }

            fn rows(
                schema: &mut $crate::scenario::schema::Schema,
            ) -> Vec<$crate::scenario::decode::Row> {
                vec![$( $crate::scenario::decode::Row {
                    key: $key,
                    about: concat!($($doc),*),
                    shape: <$Type as $crate::scenario::decode::Decode>::shape(schema),
                    required: false,
                } ),*]
            }
        }

        impl $crate::scenario::decode::Decode for $Name {
            fn shape(schema: &mut $crate::scenario::schema::Schema) -> serde_json::Value {
                let about = concat!($($about),*);
                schema.choice::<$Name>(stringify!($Name), about, |_| Vec::new())
            }

            fn decode(
                node: &$crate::scenario::yaml::Node,
                session: &mut $crate::scenario::source::Session,
            ) -> Option<Self> {
                $crate::scenario::decode::choose(node, &[], session)
            }
        }
    };
}

/// An enum that is a word in a file: `"word" => Variant;`.
macro_rules! words {
    (
        $(#[doc = $about:literal])*
        pub enum $Name:ident as $what:literal {
            $( $(#[doc = $doc:literal])* $word:literal => $Variant:ident; )*
        }
    ) => {
        $(#[doc = $about])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum $Name {
            $( $(#[doc = $doc])* $Variant, )*
        }

        impl $crate::scenario::decode::Decode for $Name {
            fn shape(_: &mut $crate::scenario::schema::Schema) -> serde_json::Value {
                serde_json::json!({ "enum": [$($word),*] })
            }

            fn decode(
                node: &$crate::scenario::yaml::Node,
                session: &mut $crate::scenario::source::Session,
            ) -> Option<Self> {
                let text = node.scalar().map(|scalar| &*scalar.text);
                match text {
                    $( Some($word) => Some($Name::$Variant), )*
                    Some(other) => {
                        let mistake = $crate::scenario::diagnostic::Mistake::not_one_of(
                            $what, other, &[$($word),*],
                        );
                        session.report(node.place, mistake);
                        None
                    }
                    None => {
                        node.report_type(concat!("a ", $what), session);
                        None
                    }
                }
            }
        }
    };
}

/// Reads a struct of another module from a mapping: the fields as in `object!`, then how they are
/// put together.
macro_rules! foreign {
    (
        $Type:path as $what:literal, $name:literal, $about:literal
        $(checked by $check:path)? {
            $(
                $(#[doc = $doc:literal])*
                $key:literal => $field:ident: $Field:ty $(= $default:expr)?;
            )*
        } into $made:expr
    ) => {
        impl $crate::scenario::decode::Decode for $Type {
            fn shape(schema: &mut $crate::scenario::schema::Schema) -> serde_json::Value {
                schema.object($name, $about, |_schema| vec![
                    $( $crate::scenario::decode::Row {
                        key: $key,
                        about: concat!($($doc),*),
                        shape: <$Field as $crate::scenario::decode::Decode>::shape(_schema),
                        required: $crate::scenario::decode::object!(@required $($default)?),
                    } ),*
                ])
            }

            fn decode(
                node: &$crate::scenario::yaml::Node,
                session: &mut $crate::scenario::source::Session,
            ) -> Option<Self> {
                let known: &[&str] = &[$($key),*];
                let _fields =
                    $crate::scenario::decode::Fields::open(node, $what, known, session)?;
                $( let $field = $crate::scenario::decode::object!(
                    @take _fields, session, $key, $Field $(, $default)?
                ); )*
                $( let $field = $field?; )*
                let value = $made;
                $( $check(&value, node, session); )?
                Some(value)
            }
        }
    };
}

/// Reads an enum of another module from a mapping with one key.
macro_rules! foreign_choice {
    (
        $Enum:path as $what:literal {
            $( $(#[doc = $doc:literal])* $key:literal => $Variant:ident($Type:ty); )*
        }
    ) => {
        impl $crate::scenario::decode::Choice for $Enum {
            const WHAT: &'static str = $what;
            const NAMES: &'static [&'static str] = &[$($key),*];

            fn variant(
                name: &str,
                node: &$crate::scenario::yaml::Node,
                session: &mut $crate::scenario::source::Session,
            ) -> Option<Self> {
                match name {
                    $( $key => <$Type as $crate::scenario::decode::Decode>::decode(node, session)
                        .map(<$Enum>::$Variant), )*
                    _ => None,
                }
            }

            fn rows(
                schema: &mut $crate::scenario::schema::Schema,
            ) -> Vec<$crate::scenario::decode::Row> {
                vec![$( $crate::scenario::decode::Row {
                    key: $key,
                    about: concat!($($doc),*),
                    shape: <$Type as $crate::scenario::decode::Decode>::shape(schema),
                    required: false,
                } ),*]
            }
        }
    };
}

/// Reads an enum of another module from a word.
macro_rules! foreign_words {
    (
        $Enum:path as $what:literal { $( $word:literal => $Variant:ident; )* }
    ) => {
        impl $crate::scenario::decode::Decode for $Enum {
            fn shape(_: &mut $crate::scenario::schema::Schema) -> serde_json::Value {
                serde_json::json!({ "enum": [$($word),*] })
            }

            fn decode(
                node: &$crate::scenario::yaml::Node,
                session: &mut $crate::scenario::source::Session,
            ) -> Option<Self> {
                match node.scalar().map(|scalar| &*scalar.text) {
                    $( Some($word) => Some(<$Enum>::$Variant), )*
                    Some(other) => {
                        let mistake = $crate::scenario::diagnostic::Mistake::not_one_of(
                            $what, other, &[$($word),*],
                        );
                        session.report(node.place, mistake);
                        None
                    }
                    None => {
                        node.report_type(concat!("a ", $what), session);
                        None
                    }
                }
            }
        }
    };
}

pub(crate) use choice;
pub(crate) use foreign;
pub(crate) use foreign_choice;
pub(crate) use foreign_words;
pub(crate) use object;
pub(crate) use words;
