//! FROM: relations, aliases and joins.

use super::layout::{Named, PART, STEP, Told, Untold, Writer};
use super::quoted;
use crate::binder::OWN_NAME;
use crate::bound::outline::{FromItem, FromJoin, FromLeaf, FromSource, FunctionOutline};
use crate::bound::{ColRef, Expr, JoinKind};
use base::id::Oid;
use catalog::builtin::system_relation_by_oid;

/// pg_proc OID of unnest.
const UNNEST: Oid = Oid(2331);

impl Writer<'_> {
    pub(super) fn from(&mut self, items: &[FromItem]) -> Told {
        for (index, item) in items.iter().enumerate() {
            if index == 0 {
                self.word(" FROM ", -STEP, STEP, 2);
                self.item_of_from(item)?;
            } else {
                self.put(", ");
                let item = self.aside(|w| w.item_of_from(item))?;
                self.item(&item, false, false);
            }
        }
        Ok(())
    }

    fn item_of_from(&mut self, item: &FromItem) -> Told {
        match item {
            FromItem::Leaf(leaf) => self.leaf(leaf),
            FromItem::Join(join) => self.join(join),
        }
    }

    fn join(&mut self, join: &FromJoin) -> Told {
        let Some(alias) = &join.alias else {
            self.open();
            self.sides(join)?;
            self.close();
            return Ok(());
        };
        // Within the join its relations can be seen.
        let (first, _) = alias.columns.first().ok_or(Untold)?;
        let Some(Named::Column { relation, name: _ }) = self.columns.get(first) else { return Err(Untold) };
        let relation = *relation;
        let shown = self.relations.get(relation).ok_or(Untold)?.shown.clone();
        let inside = self.within.get(&relation).cloned().ok_or(Untold)?;
        let outside: Vec<(ColRef, Option<Named>)> =
            inside.into_iter().map(|(col, named)| (col, self.columns.insert(col, named))).collect();
        self.put("(");
        self.sides(join)?;
        self.put(")");
        self.columns.extend(outside.into_iter().filter_map(|(col, named)| Some((col, named?))));
        self.put(&format!(" {}", quoted(&shown)));
        if alias.listed {
            let names: Vec<String> = alias.columns.iter().map(|(_, name)| quoted(name)).collect();
            self.put(&format!("({})", names.join(", ")));
        }
        Ok(())
    }

    fn sides(&mut self, join: &FromJoin) -> Told {
        self.item_of_from(&join.left)?;
        let word = match (join.kind, join.on.is_some()) {
            (JoinKind::Inner, true) => " JOIN ",
            (JoinKind::Inner, false) => " CROSS JOIN ",
            (JoinKind::Left, _) => " LEFT JOIN ",
            (JoinKind::Right, _) => " RIGHT JOIN ",
            (JoinKind::Full, _) => " FULL JOIN ",
        };
        self.word(word, -STEP, STEP, PART);
        let around =
            self.style.sparing && matches!(&join.right, FromItem::Join(join) if join.alias.is_none());
        if around {
            self.put("(");
        }
        self.item_of_from(&join.right)?;
        if around {
            self.put(")");
        }
        match &join.on {
            _ if !join.using.is_empty() => {
                let names: Vec<String> = join.using.iter().map(|name| quoted(name)).collect();
                self.put(&format!(" USING ({})", names.join(", ")));
                if let Some(alias) = &join.using_alias {
                    self.put(&format!(" AS {}", quoted(alias)));
                }
            }
            Some(on) => {
                self.put(" ON ");
                self.open();
                self.expr(on, false)?;
                self.close();
            }
            None if join.kind != JoinKind::Inner => self.put(" ON TRUE"),
            None => {}
        }
        Ok(())
    }

    fn relation_of(&self, columns: &[(ColRef, String)]) -> Told<String> {
        let (first, _) = columns.first().ok_or(Untold)?;
        let Some(Named::Column { relation, name: _ }) = self.columns.get(first) else { return Err(Untold) };
        Ok(self.relations.get(*relation).ok_or(Untold)?.shown.clone())
    }

    fn leaf(&mut self, leaf: &FromLeaf) -> Told {
        let shown = self.relation_of(&leaf.columns)?;
        if leaf.lateral {
            self.put("LATERAL ");
        }
        let mut definitions = &[][..];
        let aliased = match &leaf.source {
            FromSource::Relation(oid) => {
                let name = self.names.relation(*oid).ok_or(Untold)?;
                self.put(&name);
                self.kept || leaf.alias.is_some() || shown != leaf.name
            }
            FromSource::Cte(name) => {
                self.put(&quoted(name));
                leaf.alias.is_some() || shown != *name
            }
            FromSource::Query(query) => {
                self.put("(");
                self.query(query, true)?;
                self.put(")");
                true
            }
            FromSource::Functions { calls, ordinality } => {
                definitions = self.functions(calls, *ordinality)?;
                true
            }
        };
        if aliased {
            let own = self.kept && leaf.alias.is_none() && shown == leaf.name;
            let mark = if own && is_of_user(&leaf.source) { OWN_NAME } else { " " };
            self.put(&format!("{mark}{}", quoted(&shown)));
        }
        if !definitions.is_empty() {
            let columns = self.definitions(definitions);
            if !aliased {
                return Err(Untold);
            }
            self.put(&columns);
        } else if leaf.listed {
            let names: Vec<String> = leaf.columns.iter().map(|(_, name)| quoted(name)).collect();
            self.put(&format!("({})", names.join(", ")));
        }
        Ok(())
    }

    fn definitions(&self, definitions: &[(String, types::SqlType)]) -> String {
        let columns = definitions.iter().map(|(name, ty)| {
            format!("{} {}", quoted(name), self.names.type_name(ty.named(), ty.named_typmod()))
        });
        format!("({})", columns.collect::<Vec<_>>().join(", "))
    }

    /// The functions; gives the columns to define behind the alias.
    fn functions<'f>(
        &mut self,
        calls: &'f [FunctionOutline],
        ordinality: bool,
    ) -> Told<&'f [(String, types::SqlType)]> {
        let mut definitions = &[][..];
        if let [FunctionOutline { call, definitions: own }] = calls
            && (own.is_empty() || !ordinality)
        {
            self.expr(call, true)?;
            definitions = own;
        } else {
            let args = calls.iter().map(|function| match &function.call {
                Expr::Call { proc: UNNEST, args, ty: _ } => args.first().filter(|_| args.len() == 1),
                _ => None,
            });
            let arrays: Option<Vec<&Expr>> = args.collect();
            match arrays {
                Some(arrays) => {
                    self.put("UNNEST(");
                    self.listed(&arrays)?;
                    self.put(")");
                }
                None => {
                    self.put("ROWS FROM(");
                    for (index, FunctionOutline { call, definitions: own }) in calls.iter().enumerate() {
                        if index > 0 {
                            self.put(", ");
                        }
                        self.expr(call, true)?;
                        if !own.is_empty() {
                            let columns = self.definitions(own);
                            self.put(&format!(" AS {columns}"));
                        }
                    }
                    self.put(")");
                }
            }
        }
        if ordinality {
            self.put(" WITH ORDINALITY");
        }
        Ok(definitions)
    }
}

/// Whether a kept query has the OID of the relation, and marks the name it had.
fn is_of_user(source: &FromSource) -> bool {
    matches!(source, FromSource::Relation(oid) if system_relation_by_oid(*oid).is_none())
}
