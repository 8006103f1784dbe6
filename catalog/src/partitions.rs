//! Tablets that follow from partitioning, and definitions of tables with a range partition more or less.
//!
//! Must not know rows. Invariants: a tablet exists for each combination of hash buckets and range partition; partitions
//! stay in order of their lower bounds and do not overlap; a tablet keeps its id and its rows' range when the place of
//! its partition in the list moves.

use crate::table::{Partitioning, RangeLevel, RangePartition, TableDef, TabletDef};
use base::id::TabletId;
use base::limits::TABLETS_PER_TABLE_MAX;
use base::{Error, ErrorKind, Result};
use types::{Datum, Form};

/// One tablet for each combination of hash buckets and range partition; ids count up from `first_id`.
pub fn tablets(partitioning: &Partitioning, first_id: u64) -> Result<Vec<TabletDef>> {
    let ranges = partitioning.range.as_ref().map(|r| r.partitions.len());
    check_count(partitioning, ranges.unwrap_or(1))?;
    let parts: Vec<Option<u32>> = match ranges {
        None => vec![None],
        Some(n) => (0..u32::try_from(n).unwrap_or(u32::MAX)).map(Some).collect(),
    };
    Ok(combinations(partitioning)
        .iter()
        .flat_map(|buckets| parts.iter().map(move |range| (buckets.clone(), *range)))
        .zip(first_id..)
        .map(|((buckets, range), id)| TabletDef { id: TabletId(id), buckets, range })
        .collect())
}

/// The definition with one more range partition; its tablets have ids from `first_id`. 42P17 when it overlaps another
/// or the table has no range level, 42710 when its name is taken.
pub fn with_range_partition(def: &TableDef, partition: RangePartition, first_id: u64) -> Result<TableDef> {
    let level = range_level(def)?;
    if level.partitions.iter().any(|p| p.name == partition.name) {
        let message = format!("partition \"{}\" of table \"{}\" already exists", partition.name, def.name);
        return Err(Error::new(ErrorKind::DuplicateObject, message));
    }
    check_count(&def.partitioning, level.partitions.len() + 1)?;
    let forms = forms(def, level)?;
    let own = Bounds::of(&forms, &partition)?;
    let mut place = 0;
    for other in &level.partitions {
        let bounds = Bounds::of(&forms, other)?;
        if own.overlaps(&bounds) {
            let message =
                format!("partition \"{}\" would overlap partition \"{}\"", partition.name, other.name);
            return Err(Error::new(ErrorKind::InvalidObjectDefinition, message));
        }
        place += usize::from(bounds.lower < own.lower);
    }
    let index = u32::try_from(place).map_err(|_| Error::internal("too many partitions"))?;
    let mut changed = def.clone();
    for tablet in &mut changed.tablets {
        tablet.range = tablet.range.map(|range| if range >= index { range + 1 } else { range });
    }
    let new = combinations(&def.partitioning).into_iter().zip(first_id..).map(|(buckets, id)| TabletDef {
        id: TabletId(id),
        buckets,
        range: Some(index),
    });
    changed.tablets.extend(new);
    if let Some(level) = &mut changed.partitioning.range {
        level.partitions.insert(place, partition);
    }
    Ok(changed)
}

/// The definition without a range partition and its tablets. 42704 when there is none of that name.
pub fn without_range_partition(def: &TableDef, name: &str) -> Result<TableDef> {
    let level = range_level(def)?;
    let Some(place) = level.partitions.iter().position(|p| p.name == name) else {
        let message = format!("partition \"{name}\" of table \"{}\" does not exist", def.name);
        return Err(Error::new(ErrorKind::UndefinedObject, message));
    };
    let index = u32::try_from(place).map_err(|_| Error::internal("too many partitions"))?;
    let mut changed = def.clone();
    changed.tablets.retain(|tablet| tablet.range != Some(index));
    for tablet in &mut changed.tablets {
        tablet.range = tablet.range.map(|range| if range > index { range - 1 } else { range });
    }
    if let Some(level) = &mut changed.partitioning.range {
        level.partitions.remove(place);
    }
    Ok(changed)
}

/// 42P17 for a table without range partitions.
pub fn range_level(def: &TableDef) -> Result<&RangeLevel> {
    def.partitioning.range.as_ref().ok_or_else(|| {
        let message = format!("table \"{}\" is not partitioned by range", def.name);
        Error::new(ErrorKind::InvalidObjectDefinition, message)
            .with_hint("Partitions by range can be added to tables created with PARTITION BY RANGE.")
    })
}

/// 54000 when a table would have too many tablets.
fn check_count(partitioning: &Partitioning, ranges: usize) -> Result<()> {
    let count = partitioning
        .hash
        .iter()
        .try_fold(ranges, |n, level| n.checked_mul(usize::try_from(level.buckets).ok()?))
        .filter(|n| *n <= TABLETS_PER_TABLE_MAX);
    if count.is_some() {
        return Ok(());
    }
    let message = format!("a table can have at most {TABLETS_PER_TABLE_MAX} tablets");
    Err(Error::new(ErrorKind::LimitExceeded, message)
        .with_detail("The number of tablets is the product of all hash partitions and range partitions."))
}

/// Every combination of the buckets of the hash levels; one that is empty without any.
fn combinations(partitioning: &Partitioning) -> Vec<Vec<u32>> {
    let mut combinations: Vec<Vec<u32>> = vec![Vec::new()];
    for level in &partitioning.hash {
        combinations = combinations
            .iter()
            .flat_map(|buckets| {
                (0..level.buckets).map(move |bucket| {
                    let mut longer = buckets.clone();
                    longer.push(bucket);
                    longer
                })
            })
            .collect();
    }
    combinations
}

fn forms(def: &TableDef, level: &RangeLevel) -> Result<Vec<Form>> {
    let form = |id| def.column(id).map(|column| column.ty.form.clone());
    level
        .columns
        .iter()
        .map(|id| form(*id).ok_or_else(|| Error::internal("a partition column that does not exist")))
        .collect()
}

/// Bounds as keys, whose bytes are in the order of the values. An empty one is open.
struct Bounds {
    lower: Vec<u8>,
    upper: Vec<u8>,
}

impl Bounds {
    fn of(forms: &[Form], partition: &RangePartition) -> Result<Self> {
        let key = |bound: &[Datum]| {
            let cells: Vec<(Form, Datum)> = forms.iter().cloned().zip(bound.iter().cloned()).collect();
            types::encode_key_data(&cells)
        };
        Ok(Self { lower: key(&partition.lower)?, upper: key(&partition.upper)? })
    }

    fn overlaps(&self, other: &Self) -> bool {
        let begins_below = |a: &Self, b: &Self| b.upper.is_empty() || a.lower < b.upper;
        begins_below(self, other) && begins_below(other, self)
    }
}

#[cfg(test)]
mod tests {
    use super::{tablets, with_range_partition, without_range_partition};
    use crate::table::{
        ColumnDef, HashLevel, Partitioning, RangeLevel, RangePartition, TableDef, TableOptions,
    };
    use base::ErrorKind;
    use base::id::{ColumnId, Oid, SchemaId, SchemaVersion, TableId, TabletId};
    use types::{Datum, Form, SqlType};

    fn part(name: &str, lower: Option<i64>, upper: Option<i64>) -> RangePartition {
        let bound = |value: Option<i64>| value.map(Datum::Int64).into_iter().collect();
        RangePartition { name: name.to_owned(), lower: bound(lower), upper: bound(upper) }
    }

    fn level(partitions: Vec<RangePartition>) -> RangeLevel {
        RangeLevel { columns: vec![ColumnId(2)], partitions }
    }

    fn table(buckets: u32, partitions: Vec<RangePartition>) -> TableDef {
        let ty = SqlType { oid: types::sql_type::oid::INT8, typmod: -1, form: Form::Int64, domain: None };
        let column = |id, name: &str| ColumnDef {
            id: ColumnId(id),
            name: name.to_owned(),
            ty: ty.clone(),
            not_null: true,
            default: None,
            kind: crate::ColumnKind::Plain,
            missing: Datum::Null,
        };
        let partitioning = Partitioning {
            hash: vec![HashLevel { columns: vec![ColumnId(1)], buckets }],
            range: Some(level(partitions)),
        };
        TableDef {
            id: TableId(1),
            oid: Oid(16_384),
            schema: SchemaId(1),
            name: "t".to_owned(),
            schema_version: SchemaVersion(1),
            columns: vec![column(1, "a"), column(2, "b")],
            next_column: ColumnId(3),
            primary_key: vec![ColumnId(1), ColumnId(2)],
            primary_key_name: "t_pkey".to_owned(),
            tablets: tablets(&partitioning, 10).unwrap(),
            partitioning,
            options: TableOptions::default(),
            distinct: Vec::new(),
            checks: Vec::new(),
            unique: Vec::new(),
            foreign_keys: Vec::new(),
        }
    }

    /// Which tablets hold which partition, in order of the partitions.
    fn layout(def: &TableDef) -> Vec<(String, Vec<u64>)> {
        let partitions = &def.partitioning.range.as_ref().unwrap().partitions;
        (0..)
            .zip(partitions)
            .map(|(index, partition)| {
                let own = def.tablets.iter().filter(|t| t.range == Some(index)).map(|t| t.id.0).collect();
                (partition.name.clone(), own)
            })
            .collect()
    }

    #[test]
    fn a_tablet_for_each_combination() {
        let hash = |buckets| HashLevel { columns: vec![ColumnId(1)], buckets };
        let open = |name| part(name, None, None);
        let range = Some(level(vec![open("a"), open("b"), open("c")]));
        let made = tablets(&Partitioning { hash: vec![hash(2), hash(4)], range }, 10).unwrap();
        assert_eq!(made.len(), 24);
        assert_eq!(
            made.first().map(|t| (t.id, t.buckets.clone(), t.range)),
            Some((TabletId(10), vec![0, 0], Some(0)))
        );
        assert_eq!(
            made.last().map(|t| (t.id, t.buckets.clone(), t.range)),
            Some((TabletId(33), vec![1, 3], Some(2)))
        );
        assert_eq!(tablets(&Partitioning::default(), 1).unwrap().len(), 1);
        let error = tablets(&Partitioning { hash: vec![hash(4_097)], range: None }, 1).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    }

    #[test]
    fn a_partition_between_others_shifts_those_above() {
        let before = table(2, vec![part("low", None, Some(10)), part("high", Some(20), Some(30))]);
        assert_eq!(layout(&before), [("low".to_owned(), vec![10, 12]), ("high".to_owned(), vec![11, 13])]);
        let after = with_range_partition(&before, part("middle", Some(10), Some(20)), 50).unwrap();
        assert_eq!(
            layout(&after),
            [
                ("low".to_owned(), vec![10, 12]),
                ("middle".to_owned(), vec![50, 51]),
                ("high".to_owned(), vec![11, 13])
            ]
        );
        let buckets: Vec<Vec<u32>> =
            after.tablets.iter().filter(|t| t.id.0 >= 50).map(|t| t.buckets.clone()).collect();
        assert_eq!(buckets, [vec![0], vec![1]]);
        assert_eq!(after.schema_version, before.schema_version);
        let gone = without_range_partition(&after, "middle").unwrap();
        assert_eq!(gone, before);
        let first = without_range_partition(&after, "low").unwrap();
        assert_eq!(layout(&first), [("middle".to_owned(), vec![50, 51]), ("high".to_owned(), vec![11, 13])]);
    }

    #[test]
    fn the_first_and_the_last_place() {
        let before = table(1, vec![part("m", Some(10), Some(20))]);
        let names = |def: &TableDef| layout(def).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        let below = with_range_partition(&before, part("below", None, Some(10)), 50).unwrap();
        assert_eq!(names(&below), ["below", "m"]);
        let above = with_range_partition(&below, part("above", Some(20), None), 60).unwrap();
        assert_eq!(names(&above), ["below", "m", "above"]);
        let none = ["below", "m", "above"]
            .iter()
            .try_fold(above, |def, name| without_range_partition(&def, name))
            .unwrap();
        assert_eq!(none.tablets, []);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let def = table(1, vec![part("m", Some(10), Some(20))]);
        for bounds in [
            (None, None),
            (Some(10), Some(20)),
            (Some(19), Some(21)),
            (Some(5), Some(11)),
            (Some(12), Some(13)),
            (Some(0), Some(99)),
            (Some(19), None),
            (None, Some(11)),
        ] {
            let error = with_range_partition(&def, part("x", bounds.0, bounds.1), 50).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidObjectDefinition, "{bounds:?}");
            assert_eq!(error.message(), "partition \"x\" would overlap partition \"m\"");
        }
        let error = with_range_partition(&def, part("m", Some(30), Some(40)), 50).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DuplicateObject);
        let error = without_range_partition(&def, "x").unwrap_err();
        assert_eq!(error.message(), "partition \"x\" of table \"t\" does not exist");
        let plain = TableDef { partitioning: Partitioning::default(), ..def.clone() };
        let error = with_range_partition(&plain, part("x", None, None), 50).unwrap_err();
        assert_eq!(error.message(), "table \"t\" is not partitioned by range");
        let many = table(4_096, vec![part("m", Some(10), Some(20))]);
        let error = with_range_partition(&many, part("x", None, Some(10)), 5_000).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    }
}
