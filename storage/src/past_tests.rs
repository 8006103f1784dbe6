//! What was defined when, and what is forgotten.

use super::Past;
use crate::format::ForgetRecord;
use base::id::{CommitTs, TableId};
use catalog::{CatalogEdit, CatalogState, MaterializedDef};

/// A catalog that changes, and its past.
struct World {
    catalog: CatalogState,
    past: Past,
}

impl World {
    fn edit(&mut self, edit: &CatalogEdit, ts: u64) {
        self.past.note(&self.catalog, edit, CommitTs(ts));
        self.catalog.apply(edit).unwrap();
    }

    /// Whether the view was populated at a time; None when it was none.
    fn populated(&self, table: TableId, ts: u64) -> Option<bool> {
        let then = self.past.catalog_at(&self.catalog, CommitTs(ts));
        then.materialized_view(table).map(|view| view.populated)
    }
}

fn view(populated: bool) -> Box<MaterializedDef> {
    let text = "SELECT 1".to_owned();
    Box::new(MaterializedDef { text, uses: Vec::new(), unseen: Vec::new(), populated })
}

/// What made a table a materialized view was that of the present at every time.
#[test]
fn materialized_views_have_a_past() {
    let mut catalog = crate::format::tests::state();
    let def = catalog.tables().next().unwrap().as_ref().clone();
    let id = def.id;
    catalog.apply(&CatalogEdit::DropTable(id)).unwrap();
    let mut world = World { catalog, past: Past::default() };
    world.edit(&CatalogEdit::CreateTable(Box::new(def)), 10);
    world.edit(&CatalogEdit::Materialize(id, view(false)), 10);
    world.edit(&CatalogEdit::Materialize(id, view(true)), 20);
    // Two in one commit: only the last one counts.
    world.edit(&CatalogEdit::Materialize(id, view(true)), 30);
    world.edit(&CatalogEdit::Materialize(id, view(false)), 30);
    world.edit(&CatalogEdit::DropTable(id), 40);
    let seen = |world: &World| [9, 10, 19, 20, 29, 30, 39, 40].map(|ts| world.populated(id, ts));
    let all = [None, Some(false), Some(false), Some(true), Some(true), Some(false), Some(false), None];
    assert_eq!(seen(&world), all);
    let restored = Past::from_image(&world.past.image(1, Vec::new()));
    assert_eq!(restored, world.past);

    assert!(!world.past.has_others_until(CommitTs(19)) && world.past.has_others_until(CommitTs(20)));
    world.past.forget(&ForgetRecord { until: CommitTs(20), ..ForgetRecord::default() });
    assert_eq!(seen(&world), [None, None, None, Some(true), Some(true), Some(false), Some(false), None]);
    world.past.forget(&ForgetRecord { until: CommitTs(40), tables: vec![id], ..ForgetRecord::default() });
    assert_eq!(seen(&world), [None; 8]);
    assert_eq!(world.past, Past::default());
}
