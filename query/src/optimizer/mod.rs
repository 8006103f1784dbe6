//! How DataFusion is set up: rules, thresholds, memory, and what it may never do (open files by URL).
//!
//! Must not know bound trees. One runtime serves all sessions of an engine.
//! Invariant: no rule changes the type of an expression; the analyzer has no rules at all.

mod cardinality;
mod cross_join;
mod detach;
mod failing_constants;
mod forget_constants;
mod join_graph;
mod join_order;
mod opaque;
mod pace;
mod push_down_filter;
#[cfg(test)]
mod tests;

use crate::failure::from_datafusion;
use crate::optimizer::cross_join::EliminateCrossJoinOfOneNullEquality;
use crate::optimizer::detach::DetachGroups;
pub(crate) use crate::optimizer::detach::{alone, in_pieces};
use crate::optimizer::failing_constants::FailingConstants;
pub(crate) use crate::optimizer::failing_constants::check;
use crate::optimizer::forget_constants::ForgetConstants;
use crate::optimizer::join_order::JoinOrder;
use crate::optimizer::opaque::OpaquePlanner;
use crate::optimizer::pace::PaceJoins;
use crate::optimizer::push_down_filter::PushDownFilterAboveOneRow;
use crate::sort::BoundSorts;
use crate::spill::SpillFiles;
use base::Result;
use datafusion::common::DataFusionError;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::object_store::ObjectStoreRegistry;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::object_store::ObjectStore;
use datafusion::optimizer::optimize_projections::OptimizeProjections;
use datafusion::optimizer::{Optimizer, OptimizerRule};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::prelude::SessionConfig;
use std::sync::Arc;
use url::Url;

/// Memory that a sort keeps back for merges, and at most one part in so many of all memory for those of all partitions.
const MERGE_BYTES: usize = 10 << 20;
const MERGE_SHARE: usize = 8;
/// Keys within a range of this size are looked up in an array, 4 bytes a key, instead of a hash table: probes in key
/// order, which is how segments are read, then touch memory in order.
const ARRAY_KEY_RANGE_MAX: usize = 8 << 20;
/// Wider ranges too when at least this part of them are keys.
const ARRAY_KEY_DENSITY_MIN: f64 = 0.05;
/// One hash table shared by all partitions beats repartitioning both sides on few cores.
const SHARED_BUILD_BYTES_MAX: usize = 64 << 20;
const SHARED_BUILD_ROWS_MAX: usize = 2_000_000;

type SharedPhysicalRule = Arc<dyn PhysicalOptimizerRule + Send + Sync>;
type SharedRule = Arc<dyn OptimizerRule + Send + Sync>;

/// What the queries of an engine may use.
#[derive(Clone, Debug)]
pub struct QueryLimits {
    /// Bytes that all queries together hold. Beyond their share, sorts and hash aggregates put rows aside.
    pub memory_bytes_max: usize,
    /// Parts of a query that run side by side.
    pub partitions: usize,
    /// Rows that operators hand on at once.
    pub batch_rows: usize,
    /// Where rows are put aside; without it a query that needs more memory fails with 53200.
    pub spill: Option<SpillFiles>,
}

/// Memory and settings shared by all queries of an engine.
#[derive(Clone, Debug)]
pub struct QueryRuntime {
    state: Arc<SessionState>,
}

impl QueryRuntime {
    pub fn new(limits: QueryLimits) -> Result<Self> {
        // What the new order of joins carries along in vain is cut off again.
        let rules: [SharedRule; 2] = [Arc::new(JoinOrder), Arc::new(OptimizeProjections::new())];
        Self::with_rules(limits, rules)
    }

    /// Without our own rules, which must not change an answer.
    #[cfg(test)]
    pub(crate) fn plain(limits: QueryLimits) -> Result<Self> {
        Self::with_rules(limits, [])
    }

    /// DataFusion's rules and then `rules`.
    fn with_rules(limits: QueryLimits, rules: impl IntoIterator<Item = SharedRule>) -> Result<Self> {
        let mode = match limits.spill {
            Some(files) => DiskManagerMode::Custom(Arc::new(files)),
            None => DiskManagerMode::Disabled,
        };
        let environment = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(FairSpillPool::new(limits.memory_bytes_max)))
            .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(mode))
            .with_object_store_registry(Arc::new(NoObjectStores))
            .build_arc()
            .map_err(from_datafusion)?;
        let theirs = Optimizer::new().rules.into_iter().map(|rule| -> SharedRule {
            match rule.name() {
                "eliminate_cross_join" => Arc::new(EliminateCrossJoinOfOneNullEquality::new()),
                "push_down_filter" => Arc::new(PushDownFilterAboveOneRow::new()),
                _ => rule,
            }
        });
        let failing: SharedRule = Arc::new(FailingConstants);
        let mut physical: Vec<SharedPhysicalRule> = PhysicalOptimizer::new().rules;
        let sorts = physical.iter().position(|rule| rule.name() == "EnsureRequirements");
        physical.insert(sorts.unwrap_or(0), Arc::new(ForgetConstants));
        physical.push(Arc::new(PaceJoins));
        physical.push(Arc::new(DetachGroups));
        physical.push(Arc::new(BoundSorts));
        let builder = SessionStateBuilder::new()
            .with_config(session_config(limits.memory_bytes_max, limits.partitions, limits.batch_rows))
            .with_runtime_env(environment)
            .with_analyzer_rules(Vec::new())
            .with_optimizer_rules([failing].into_iter().chain(theirs).chain(rules).collect())
            .with_query_planner(Arc::new(OpaquePlanner))
            .with_physical_optimizer_rules(physical);
        Ok(Self { state: Arc::new(builder.build()) })
    }

    pub(crate) fn state(&self) -> &SessionState {
        &self.state
    }
}

fn session_config(memory_bytes_max: usize, partitions: usize, batch_rows: usize) -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_target_partitions(partitions.max(1))
        .with_sort_spill_reservation_bytes(
            MERGE_BYTES.min(memory_bytes_max / MERGE_SHARE / partitions.max(1)),
        )
        .with_batch_size(batch_rows.max(1))
        .with_information_schema(false)
        .with_create_default_catalog_and_schema(false);
    let options = config.options_mut();
    options.execution.time_zone = Some("UTC".to_owned());
    // It drops rows that one of several extremes needs once another one was found in the first batch.
    options.optimizer.enable_aggregate_dynamic_filter_pushdown = false;
    // Statistics come from our scan; nothing is to be collected from files.
    options.execution.collect_statistics = true;
    // DataFusion's own physical expressions are sometimes nullable where its logical ones are not (IS TRUE).
    options.execution.skip_physical_aggregate_schema_check = true;
    options.execution.perfect_hash_join_small_build_threshold = ARRAY_KEY_RANGE_MAX;
    options.execution.perfect_hash_join_min_key_density = ARRAY_KEY_DENSITY_MIN;
    options.optimizer.hash_join_single_partition_threshold = SHARED_BUILD_BYTES_MAX;
    options.optimizer.hash_join_single_partition_threshold_rows = SHARED_BUILD_ROWS_MAX;
    // A rule that fails is a bug to be seen, not a plan to be kept.
    options.optimizer.skip_failed_rules = false;
    config
}

/// Refuses every URL, so that no plan can read or write a file behind our back.
#[derive(Debug)]
struct NoObjectStores;

impl ObjectStoreRegistry for NoObjectStores {
    fn register_store(&self, _url: &Url, _store: Arc<dyn ObjectStore>) -> Option<Arc<dyn ObjectStore>> {
        None
    }

    fn get_store(&self, url: &Url) -> datafusion::common::Result<Arc<dyn ObjectStore>> {
        Err(DataFusionError::Internal(format!("a query may not open {url}")))
    }
}
