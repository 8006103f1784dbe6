//! Which function of pg_proc has which kernel.
//!
//! A kernel is found by the name of PostgreSQL's own implementation (pg_proc.prosrc), which overloads share when
//! they compute the same; functions written in SQL have no such name and are found by OID.

use crate::kernel::call::Run;
use crate::kernel::regexp::functions as regexp;
use crate::kernel::{
    array_shape, arrays, bits, bytes, calendar, compare, conversion, dates, describe, enums, floats, format,
    information_schema, json, jsonb, list, numbers, objects, patterns, privileges, quoting, record_image,
    send, sequence, server_facts, signatures, strings, system, templates, times, transitions, trigonometry,
    view_text,
};
use base::id::Oid;
use catalog::builtin::{self, ProcKind};
use std::collections::HashMap;
use std::sync::OnceLock;

/// A function with its kernel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attached {
    pub(crate) name: &'static str,
    pub(crate) run: Run,
    pub(crate) volatile: bool,
}

/// Whether a function, operator function or cast function can be run.
pub fn is_attached(proc: Oid) -> bool {
    compare::operator_of(proc).is_some()
        || attached(proc).is_some()
        || crate::lower::is_lowered_function(proc)
}

/// The kernel of a function.
pub(crate) fn attached(proc: Oid) -> Option<Attached> {
    static TABLE: OnceLock<HashMap<Oid, Attached>> = OnceLock::new();
    TABLE.get_or_init(build).get(&proc).copied()
}

fn build() -> HashMap<Oid, Attached> {
    let by_source: HashMap<&str, Run> = sources().collect();
    let by_oid: HashMap<u32, Run> = oids().collect();
    let functions = builtin::procs().iter().filter(|p| p.kind == ProcKind::Function && !p.returns_set);
    functions
        .filter_map(|proc| {
            let own = by_oid.get(&proc.oid.0).or_else(|| by_source.get(proc.source)).copied();
            let run = own.or_else(|| of_information_schema(proc)).or_else(|| server_facts::counter(proc))?;
            Some((proc.oid, Attached { name: proc.name, run, volatile: proc.volatility == 'v' }))
        })
        .collect()
}

/// Functions of information_schema are written in SQL; no other function has their names.
fn of_information_schema(proc: &builtin::Proc) -> Option<Run> {
    let mut named = information_schema::BY_NAME.iter();
    named.find(|(name, _)| *name == proc.name).map(|(_, run)| *run)
}

fn sources() -> impl Iterator<Item = (&'static str, Run)> {
    let tables = [
        numbers::KERNELS,
        floats::KERNELS,
        trigonometry::KERNELS,
        conversion::KERNELS,
        strings::KERNELS,
        bytes::KERNELS,
        format::KERNELS,
        quoting::KERNELS,
        record_image::KERNELS,
        patterns::KERNELS,
        regexp::KERNELS,
        dates::KERNELS,
        times::KERNELS,
        bits::KERNELS,
        jsonb::KERNELS,
        calendar::KERNELS,
        templates::KERNELS,
        list::KERNELS,
        array_shape::KERNELS,
        arrays::KERNELS,
        system::KERNELS,
        privileges::KERNELS,
        objects::KERNELS,
        describe::KERNELS,
        view_text::KERNELS,
        sequence::KERNELS,
        send::KERNELS,
        enums::KERNELS,
        server_facts::KERNELS,
        signatures::KERNELS,
        transitions::KERNELS,
    ];
    tables.into_iter().flatten().copied().chain(json::kernels())
}

fn oids() -> impl Iterator<Item = (u32, Run)> {
    let tables = [
        numbers::BY_OID,
        strings::BY_OID,
        bytes::BY_OID,
        quoting::BY_OID,
        regexp::BY_OID,
        dates::BY_OID,
        times::BY_OID,
        bits::BY_OID,
        calendar::BY_OID,
        describe::BY_OID,
    ];
    tables.into_iter().flatten().copied()
}
