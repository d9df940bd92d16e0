//! What a policy calls, read from its syntax trees before it is ever run: functions that there are,
//! that stay in this process, and that end.

use std::collections::{BTreeMap, BTreeSet};

use regorus::unstable::{Expr, Literal, Module, Query, Ref, Rule, RuleAssign, RuleHead, Span};

/// The functions of the language that a policy may call. Left out is what reaches the network, a
/// clock or chance, and what makes much out of little at one step (`numbers.range`, `bits.lsh`).
const BUILT_IN: &[&str] = &[
    "abs",
    "and",
    "any",
    "all",
    "array.concat",
    "array.reverse",
    "array.slice",
    "bits.and",
    "bits.negate",
    "bits.or",
    "bits.rsh",
    "bits.xor",
    "ceil",
    "concat",
    "contains",
    "count",
    "endswith",
    "floor",
    "format_int",
    "glob.match",
    "glob.quote_meta",
    "indexof",
    "indexof_n",
    "intersection",
    "is_array",
    "is_boolean",
    "is_null",
    "is_number",
    "is_object",
    "is_set",
    "is_string",
    "json.filter",
    "json.is_valid",
    "json.marshal",
    "json.remove",
    "json.unmarshal",
    "lower",
    "max",
    "min",
    "net.cidr_contains",
    "object.filter",
    "object.get",
    "object.keys",
    "object.remove",
    "object.subset",
    "object.union",
    "object.union_n",
    "print",
    "product",
    "regex.find_all_string_submatch_n",
    "regex.find_n",
    "regex.is_valid",
    "regex.match",
    "regex.replace",
    "regex.split",
    "regex.template_match",
    "replace",
    "round",
    "sort",
    "split",
    "sprintf",
    "startswith",
    "strings.any_prefix_match",
    "strings.any_suffix_match",
    "strings.count",
    "strings.replace_n",
    "strings.reverse",
    "substring",
    "sum",
    "to_number",
    "trim",
    "trim_left",
    "trim_prefix",
    "trim_right",
    "trim_space",
    "trim_suffix",
    "type_name",
    "union",
    "units.parse",
    "units.parse_bytes",
    "upper",
];

/// What is wrong, and where.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Place {
    /// The text that it is in.
    pub(super) module: String,
    /// The line, from 1.
    pub(super) line: u32,
    /// The column, from 1.
    pub(super) column: u32,
    /// What it is.
    pub(super) message: String,
}

impl Place {
    fn new(span: &Span, message: String) -> Self {
        let module = span.source.file().clone();
        Self { module, line: span.line, column: span.col, message }
    }
}

/// The rules of a policy by package, and the functions that it has.
#[derive(Debug, Default)]
pub(super) struct Outline {
    /// Package and rule, as `bakerst.authz.allow`; functions are not among them.
    pub(super) rules: BTreeSet<String>,
    functions: BTreeMap<String, BTreeSet<String>>,
}

impl Outline {
    /// Reads all modules of a policy.
    ///
    /// # Errors
    /// Names the first call that cannot be: unknown, out of this process, or of itself.
    pub(super) fn read(modules: &[Ref<Module>]) -> Result<Self, Place> {
        let mut outline = Self::default();
        let mut spans = BTreeMap::new();
        for module in modules {
            let package = path_of(&module.package.refr).join(".");
            for rule in &module.policy {
                let (name, is_function) = head_of(rule);
                let path = format!("{package}.{name}");
                if is_function {
                    spans.entry(path.clone()).or_insert_with(|| rule.span().clone());
                    outline.functions.entry(path).or_default();
                } else {
                    outline.rules.insert(path);
                }
            }
        }
        for module in modules {
            outline.read_calls(module)?;
        }
        match outline.circle() {
            None => Ok(outline),
            Some(name) => {
                let message = format!("the function `{name}` calls itself, and may never end");
                let place = spans.get(&name).map(|span| Place::new(span, message.clone()));
                Err(place.unwrap_or(Place { module: String::new(), line: 0, column: 0, message }))
            }
        }
    }

    fn read_calls(&mut self, module: &Module) -> Result<(), Place> {
        let scope = Scope::of(module);
        for rule in &module.policy {
            let (name, is_function) = head_of(rule);
            let mut calls = Vec::new();
            walk_rule(rule, &mut |expr| {
                if let Expr::Call { fcn, params, .. } = expr {
                    calls.push((path_of(fcn), params.first().cloned(), begin_of(fcn).clone()));
                }
            });
            for (path, first, span) in calls {
                let target = self.resolve(&scope, &path, first.as_deref(), &span)?;
                let (Some(target), true) = (target, is_function) else { continue };
                let caller = format!("{}.{name}", scope.package);
                self.functions.entry(caller).or_default().insert(target);
            }
        }
        Ok(())
    }

    /// The function of the policy that a call means; none for one of the language.
    fn resolve(
        &self,
        scope: &Scope,
        path: &[String],
        first: Option<&Expr>,
        span: &Span,
    ) -> Result<Option<String>, Place> {
        let whole = scope.whole(path);
        if self.functions.contains_key(&whole) {
            return Ok(Some(whole));
        }
        let name = path.join(".");
        if !BUILT_IN.contains(&name.as_str()) {
            let message = format!("there is no function `{name}` that a policy may call");
            return Err(Place::new(span, message));
        }
        let is_literal = matches!(first, Some(Expr::String { .. } | Expr::RawString { .. }));
        if name == "sprintf" && !is_literal {
            let message = "the format of `sprintf` must be written out".to_owned();
            return Err(Place::new(span, message));
        }
        Ok(None)
    }

    /// A function that comes back to itself.
    fn circle(&self) -> Option<String> {
        let mut done = BTreeSet::new();
        self.functions.keys().find(|name| self.returns(name, name, &mut done)).cloned()
    }

    fn returns(&self, from: &str, to: &str, done: &mut BTreeSet<(String, String)>) -> bool {
        let mut open = vec![from.to_owned()];
        while let Some(name) = open.pop() {
            for called in self.functions.get(&name).into_iter().flatten() {
                if called == to {
                    return true;
                }
                if done.insert((to.to_owned(), called.clone())) {
                    open.push(called.clone());
                }
            }
        }
        false
    }
}

/// What short names mean in a module.
struct Scope {
    package: String,
    imports: BTreeMap<String, String>,
}

impl Scope {
    fn of(module: &Module) -> Self {
        let imports = module.imports.iter().filter_map(|import| {
            let path = path_of(&import.refr);
            let path = path.strip_prefix(&["data".to_owned()][..])?.to_vec();
            let name = match &import.r#as {
                Some(name) => name.text().to_owned(),
                None => path.last()?.clone(),
            };
            Some((name, path.join(".")))
        });
        Self { package: path_of(&module.package.refr).join("."), imports: imports.collect() }
    }

    fn whole(&self, path: &[String]) -> String {
        let Some((first, rest)) = path.split_first() else { return String::new() };
        let joined = |head: &str| {
            let mut whole = head.to_owned();
            for part in rest {
                if !whole.is_empty() {
                    whole.push('.');
                }
                whole.push_str(part);
            }
            whole
        };
        match (first.as_str(), self.imports.get(first)) {
            ("data", _) => joined(""),
            (_, Some(path)) => joined(path),
            (first, None) => joined(&format!("{}.{first}", self.package)),
        }
    }
}

/// The name of a rule, and whether it is a function.
fn head_of(rule: &Rule) -> (String, bool) {
    let (refr, is_function) = match rule {
        Rule::Spec { head: RuleHead::Func { refr, .. }, .. } => (refr, true),
        Rule::Spec { head: RuleHead::Compr { refr, .. } | RuleHead::Set { refr, .. }, .. } => {
            (refr, false)
        }
        Rule::Default { refr, args, .. } => (refr, !args.is_empty()),
    };
    let path = path_of(refr);
    let name = match is_function {
        true => path.join("."),
        false => path.into_iter().next().unwrap_or_default(),
    };
    (name, is_function)
}

/// The names that a reference goes through, as far as they are written out.
fn path_of(expr: &Expr) -> Vec<String> {
    match expr {
        Expr::Var { span, .. } => vec![span.text().to_owned()],
        Expr::RefDot { refr, field, .. } => {
            let mut path = path_of(refr);
            path.push(field.0.text().to_owned());
            path
        }
        Expr::RefBrack { refr, index, .. } => {
            let mut path = path_of(refr);
            if let Expr::String { value, .. } = &**index {
                path.extend(value.as_string().ok().map(ToString::to_string));
            }
            path
        }
        _ => Vec::new(),
    }
}

/// Where a reference begins.
fn begin_of(expr: &Expr) -> &Span {
    match expr {
        Expr::RefDot { refr, .. } | Expr::RefBrack { refr, .. } => begin_of(refr),
        _ => expr.span(),
    }
}

type See<'s> = &'s mut dyn FnMut(&Expr);

fn walk_rule(rule: &Rule, see: See<'_>) {
    match rule {
        Rule::Spec { head, bodies, .. } => {
            match head {
                RuleHead::Compr { refr, assign, .. } => {
                    walk(refr, see);
                    walk_assign(assign.as_ref(), see);
                }
                RuleHead::Set { refr, key, .. } => {
                    walk(refr, see);
                    key.iter().for_each(|key| walk(key, see));
                }
                RuleHead::Func { args, assign, .. } => {
                    args.iter().for_each(|arg| walk(arg, see));
                    walk_assign(assign.as_ref(), see);
                }
            }
            for body in bodies {
                walk_assign(body.assign.as_ref(), see);
                walk_query(&body.query, see);
            }
        }
        Rule::Default { value, .. } => walk(value, see),
    }
}

fn walk_assign(assign: Option<&RuleAssign>, see: See<'_>) {
    assign.into_iter().for_each(|assign| walk(&assign.value, see));
}

fn walk_query(query: &Query, see: See<'_>) {
    for statement in &query.stmts {
        match &statement.literal {
            Literal::SomeVars { .. } => {}
            Literal::SomeIn { key, value, collection, .. } => {
                key.iter().for_each(|key| walk(key, see));
                walk(value, see);
                walk(collection, see);
            }
            Literal::Expr { expr, .. } | Literal::NotExpr { expr, .. } => walk(expr, see),
            Literal::Every { domain, query, .. } => {
                walk(domain, see);
                walk_query(query, see);
            }
        }
        for modifier in &statement.with_mods {
            walk(&modifier.r#as, see);
        }
    }
}

fn walk(expr: &Expr, see: See<'_>) {
    see(expr);
    match expr {
        Expr::String { .. }
        | Expr::RawString { .. }
        | Expr::Number { .. }
        | Expr::Bool { .. }
        | Expr::Null { .. }
        | Expr::Var { .. } => {}
        Expr::Array { items, .. } | Expr::Set { items, .. } => {
            items.iter().for_each(|item| walk(item, see));
        }
        Expr::Object { fields, .. } => fields.iter().for_each(|(_, key, value)| {
            walk(key, see);
            walk(value, see);
        }),
        Expr::ArrayCompr { term, query, .. } | Expr::SetCompr { term, query, .. } => {
            walk(term, see);
            walk_query(query, see);
        }
        Expr::ObjectCompr { key, value, query, .. } => {
            walk(key, see);
            walk(value, see);
            walk_query(query, see);
        }
        Expr::Call { params, .. } => params.iter().for_each(|param| walk(param, see)),
        Expr::UnaryExpr { expr, .. } => walk(expr, see),
        Expr::RefDot { refr, .. } => walk(refr, see),
        Expr::RefBrack { refr, index, .. } => {
            walk(refr, see);
            walk(index, see);
        }
        Expr::BinExpr { lhs, rhs, .. }
        | Expr::BoolExpr { lhs, rhs, .. }
        | Expr::ArithExpr { lhs, rhs, .. }
        | Expr::AssignExpr { lhs, rhs, .. } => {
            walk(lhs, see);
            walk(rhs, see);
        }
        Expr::Membership { key, value, collection, .. } => {
            key.iter().for_each(|key| walk(key, see));
            walk(value, see);
            walk(collection, see);
        }
    }
}
