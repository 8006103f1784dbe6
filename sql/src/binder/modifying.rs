//! WITH in which something writes: its parts, each computed once and to its end.
//!
//! Invariant: a part that is read is a `CteRef` to it wherever that is; a query that is worth no keeping is put into
//! what uses it.

use super::names::{fold, located};
use super::scope::{CteStatus, ScopeCte};
use super::{Binder, Scope, ScopeColumn};
use crate::bound::{
    BoundModifying, BoundStatement, Cte, CteId, OutputColumn, Rel, Returning, TypedCol, WithPart, WithWork,
};
use crate::parse::{StatementAst, write_of};
use crate::statement::bind_write;
use base::id::Oid;
use base::{Error, Result};
use sqlparser::ast;

impl Binder<'_> {
    /// Binds all of a WITH; its queries join `scope`. With `recursive` they stand there already.
    pub(super) fn modifying_with(
        &mut self,
        ctes: &[&ast::Cte],
        recursive: bool,
        top: bool,
        scope: &mut Scope<'_>,
    ) -> Result<()> {
        let known = if recursive { scope.ctes.len().saturating_sub(ctes.len()) } else { scope.ctes.len() };
        for (index, cte) in ctes.iter().enumerate() {
            let name = fold(&cte.alias.name);
            let at = self.at(cte.alias.name.span);
            let Some(number) = write_of(&cte.query) else {
                let cte = if recursive {
                    self.maybe_recursive(cte, scope, known + index)?
                } else {
                    let id = self.new_cte();
                    let (cte, (name, columns)) = self.cte(cte, id, scope)?;
                    scope.ctes.push(ScopeCte { name, id, columns, status: CteStatus::Plain });
                    cte
                };
                let (id, columns, used) = (cte.id, cte.columns.clone(), cte.once);
                let work = WithWork::Rows(cte.rel);
                self.modifying.push(WithPart { id, name, columns, work, used });
                continue;
            };
            if !top {
                let message = "WITH clause containing a data-modifying statement must be at the top level";
                return Err(located(Error::unsupported(message), at));
            }
            if !recursive {
                let id = self.new_cte();
                let name = name.clone();
                scope.ctes.push(ScopeCte { name, id, columns: Vec::new(), status: CteStatus::Later });
            }
            self.write_in_with(cte, number, scope, known + index)?;
        }
        Ok(())
    }

    /// One statement that writes; it is at `place` of the scope.
    fn write_in_with(
        &mut self,
        cte: &ast::Cte,
        number: usize,
        scope: &mut Scope<'_>,
        place: usize,
    ) -> Result<()> {
        let at = self.at(cte.alias.name.span);
        let name = fold(&cte.alias.name);
        let lost = || Error::internal("a WITH query lost its entry");
        let ast = self.writes.get(number).ok_or_else(lost)?;
        if matches!(ast, StatementAst::Merge(_)) {
            return Err(located(Error::unsupported("MERGE not supported in WITH query"), at));
        }
        let entry = scope.ctes.get_mut(place).ok_or_else(lost)?;
        entry.status = CteStatus::Writing(at);
        let id = entry.id;
        // It is no statement's query that it stands in: it sees what stands before it.
        let mut write = bind_write(self, ast, scope)?;
        let (shown, columns, status) = match returned(&mut write) {
            None => (Vec::new(), Vec::new(), CteStatus::Silent),
            Some(Returning { output, .. }) => {
                let columns: Vec<TypedCol> = output
                    .iter_mut()
                    .map(|column| {
                        column.col = self.new_col();
                        TypedCol { col: column.col, ty: column.ty.clone() }
                    })
                    .collect();
                let mut shown = shown(output);
                self.rename(&mut shown, &cte.alias.columns, &name, at, "WITH query")?;
                (shown, columns, CteStatus::Plain)
            }
        };
        let entry = scope.ctes.get_mut(place).ok_or_else(lost)?;
        entry.status = status;
        entry.columns = shown;
        let work = WithWork::Write(write);
        self.modifying.push(WithPart { id, name, columns, work, used: false });
        Ok(())
    }

    /// Whether a query of WITH is read.
    fn is_used(&self, id: CteId) -> bool {
        self.recursions.uses.get(&id).is_some_and(|uses| *uses > 0)
    }

    /// The statement with the parts of its WITH, when something in there writes.
    pub(crate) fn with_parts(&mut self, mut main: BoundStatement) -> Result<BoundStatement> {
        if self.modifying.is_empty() {
            return Ok(main);
        }
        let mut inlined: Vec<Cte> = Vec::new();
        let mut parts = Vec::new();
        for mut part in std::mem::take(&mut self.modifying) {
            let always = part.used;
            part.used = self.is_used(part.id);
            match &mut part.work {
                WithWork::Write(write) => {
                    for source in sources(write) {
                        put(&inlined, source);
                    }
                }
                WithWork::Rows(rel) => {
                    let (id, columns) = (part.id, part.columns.clone());
                    let mut cte = [Cte { id, rel: rel.clone(), columns, once: always }];
                    self.settle_ctes(&mut cte);
                    let [cte] = cte;
                    if !cte.once {
                        inlined.push(cte);
                        continue;
                    }
                    put(&inlined, rel);
                    self.settle_rel(rel)?;
                }
            }
            parts.push(part);
        }
        for source in sources(&mut main) {
            put(&inlined, source);
        }
        // EXPLAIN is of all of it.
        Ok(match main {
            BoundStatement::Explain { statement, options } => {
                let all = BoundModifying { parts, main: *statement };
                let statement = Box::new(BoundStatement::Modifying(Box::new(all)));
                BoundStatement::Explain { statement, options }
            }
            main => BoundStatement::Modifying(Box::new(BoundModifying { parts, main })),
        })
    }
}

fn put(inlined: &[Cte], rel: &mut Rel) {
    if !inlined.is_empty() {
        let body = Box::new(std::mem::replace(rel, Rel::Unit));
        *rel = Rel::With { ctes: inlined.to_vec(), body };
    }
}

/// The relations that a statement reads.
fn sources(statement: &mut BoundStatement) -> Vec<&mut Rel> {
    match statement {
        BoundStatement::Query(query) => vec![&mut query.rel],
        BoundStatement::Insert(insert) => vec![&mut insert.source],
        BoundStatement::Update(update) => vec![&mut update.source],
        BoundStatement::Delete(delete) => vec![&mut delete.source],
        BoundStatement::Merge(merge) => vec![&mut merge.source],
        BoundStatement::CreateTableAs(create) => vec![&mut create.source],
        BoundStatement::Copy(copy) => match &mut copy.direction {
            crate::bound::CopyDirection::To { query, target: _ } => vec![&mut query.rel],
            crate::bound::CopyDirection::From { .. } => Vec::new(),
        },
        BoundStatement::Explain { statement, options: _ } => sources(statement),
        _ => Vec::new(),
    }
}

fn returned(write: &mut BoundStatement) -> Option<&mut Returning> {
    match write {
        BoundStatement::Insert(insert) => insert.returning.as_mut(),
        BoundStatement::Update(update) => update.returning.as_mut(),
        BoundStatement::Delete(delete) => delete.returning.as_mut(),
        _ => None,
    }
}

fn shown(output: &[OutputColumn]) -> Vec<ScopeColumn> {
    let column = |c: &OutputColumn| ScopeColumn {
        name: c.name.clone(),
        typed: TypedCol { col: c.col, ty: c.ty.clone() },
        origin: (Oid(0), 0),
    };
    output.iter().map(column).collect()
}
