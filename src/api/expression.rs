//! Expressions in CEL: each text is read once a thread, however often it is evaluated.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use cel::parser::PrattParser;
use cel::{Context, Env, IdedExpr, ParseErrors, Program};

use crate::sim::index::Map;

/// How many expressions a thread remembers before it forgets them all.
const MOST: usize = 256;

thread_local! {
    static READ: RefCell<Map<String, Rc<IdedExpr>>> = RefCell::new(Map::default());
    static LANGUAGE: Arc<Env> = Arc::new(Env::stdlib());
}

/// What an expression says.
///
/// # Errors
/// Where it is none, and why.
pub fn read(text: &str) -> Result<Rc<IdedExpr>, ParseErrors> {
    if let Some(known) = READ.with_borrow(|read| read.get(text).cloned()) {
        return Ok(known);
    }
    // The parser that words mistakes well takes long to get ready.
    let expression = match PrattParser::new().parse(text) {
        Ok(expression) => expression,
        Err(_) => Program::compile(text)?.expression().clone(),
    };
    let expression = Rc::new(expression);
    READ.with_borrow_mut(|read| {
        if read.len() >= MOST {
            read.clear();
        }
        read.insert(text.to_owned(), expression.clone());
    });
    Ok(expression)
}

/// What an expression is evaluated in: the functions of the language, and nothing else yet.
pub fn context<'v>() -> Context<'static, 'v> {
    Context::with_env(LANGUAGE.with(Arc::clone))
}

#[cfg(test)]
mod tests {
    use cel::Value;

    use super::*;

    /// One of each form, and what it gives for a list of three numbers.
    const FORMS: &[(&str, bool)] = &[
        ("list.all(n, n > 0)", true),
        ("list.exists(n, n == 3) && !list.exists_one(n, n > 1)", true),
        ("list.filter(n, n % 2 == 1).map(n, n * 10) == [10, 30]", true),
        ("size(list) == 3 ? list[0] < list[1] : false", true),
        ("has({'a': 1}.a) && {'a': 1}['a'] in list", true),
        ("\"x\\ty\".startsWith('x') || 1.5e3 >= 7u", true),
        ("-(1 + 2) * 3 - 4 / 2 == -11", true),
        ("list.map(n, n > 1, n).size() == 3", false),
        ("null == null && b'ab' != b'ac' && r'\\d' == '\\\\d'", true),
        ("!(true && false || list[2] <= 2)", true),
    ];

    #[test]
    fn both_parsers_read_the_same() {
        for (text, want) in FORMS {
            let evaluate = |expression: &IdedExpr| {
                let mut context = context();
                context.add_variable("list", vec![1_i64, 2, 3]).expect("a list is a value");
                context.resolve(expression)
            };
            let quick = evaluate(&read(text).expect("it is one"));
            let slow = evaluate(Program::compile(text).expect("it is one").expression());
            assert_eq!(quick, slow, "{text}");
            assert_eq!(quick, Ok(Value::Bool(*want)), "{text}");
        }
    }

    #[test]
    fn a_mistake_is_told_each_time() {
        for _ in 0..2 {
            let errors = read("1 +").expect_err("it has no end").errors;
            assert_eq!(errors.len(), 1);
            assert_eq!(errors[0].pos.0, 1);
        }
    }
}
