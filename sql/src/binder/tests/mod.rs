//! Tests of the binder: against PostgreSQL 15's recorded answers, and of the shape of trees.

mod compatible;
mod fixture;
mod show;
mod texts;
mod tpch;
mod trees;
