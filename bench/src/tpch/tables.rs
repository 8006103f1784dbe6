//! The eight tables of TPC-H as Nyala keeps them: primary keys of the specification, hash partitions by
//! the leading key column where a table is large.

/// One table.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    pub name: &'static str,
    /// CREATE TABLE statement.
    pub create: &'static str,
}

/// In an order in which they can be created and loaded.
pub const TABLES: [Table; 8] = [
    Table {
        name: "region",
        create: "CREATE TABLE region (
            r_regionkey bigint NOT NULL, r_name text NOT NULL, r_comment text NOT NULL,
            PRIMARY KEY (r_regionkey))",
    },
    Table {
        name: "nation",
        create: "CREATE TABLE nation (
            n_nationkey bigint NOT NULL, n_name text NOT NULL, n_regionkey bigint NOT NULL,
            n_comment text NOT NULL,
            PRIMARY KEY (n_nationkey))",
    },
    Table {
        name: "supplier",
        create: "CREATE TABLE supplier (
            s_suppkey bigint NOT NULL, s_name text NOT NULL, s_address text NOT NULL,
            s_nationkey bigint NOT NULL, s_phone text NOT NULL, s_acctbal numeric(15,2) NOT NULL,
            s_comment text NOT NULL,
            PRIMARY KEY (s_suppkey))",
    },
    Table {
        name: "customer",
        create: "CREATE TABLE customer (
            c_custkey bigint NOT NULL, c_name text NOT NULL, c_address text NOT NULL,
            c_nationkey bigint NOT NULL, c_phone text NOT NULL, c_acctbal numeric(15,2) NOT NULL,
            c_mktsegment text NOT NULL, c_comment text NOT NULL,
            PRIMARY KEY (c_custkey)) PARTITION BY HASH (c_custkey) PARTITIONS 2",
    },
    Table {
        name: "part",
        create: "CREATE TABLE part (
            p_partkey bigint NOT NULL, p_name text NOT NULL, p_mfgr text NOT NULL, p_brand text NOT NULL,
            p_type text NOT NULL, p_size integer NOT NULL, p_container text NOT NULL,
            p_retailprice numeric(15,2) NOT NULL, p_comment text NOT NULL,
            PRIMARY KEY (p_partkey)) PARTITION BY HASH (p_partkey) PARTITIONS 2",
    },
    Table {
        name: "partsupp",
        create: "CREATE TABLE partsupp (
            ps_partkey bigint NOT NULL, ps_suppkey bigint NOT NULL, ps_availqty integer NOT NULL,
            ps_supplycost numeric(15,2) NOT NULL, ps_comment text NOT NULL,
            PRIMARY KEY (ps_partkey, ps_suppkey)) PARTITION BY HASH (ps_partkey) PARTITIONS 2",
    },
    Table {
        name: "orders",
        create: "CREATE TABLE orders (
            o_orderkey bigint NOT NULL, o_custkey bigint NOT NULL, o_orderstatus text NOT NULL,
            o_totalprice numeric(15,2) NOT NULL, o_orderdate date NOT NULL, o_orderpriority text NOT NULL,
            o_clerk text NOT NULL, o_shippriority integer NOT NULL, o_comment text NOT NULL,
            PRIMARY KEY (o_orderkey)) PARTITION BY HASH (o_orderkey) PARTITIONS 4",
    },
    Table {
        name: "lineitem",
        create: "CREATE TABLE lineitem (
            l_orderkey bigint NOT NULL, l_partkey bigint NOT NULL, l_suppkey bigint NOT NULL,
            l_linenumber integer NOT NULL, l_quantity numeric(15,2) NOT NULL,
            l_extendedprice numeric(15,2) NOT NULL, l_discount numeric(15,2) NOT NULL,
            l_tax numeric(15,2) NOT NULL, l_returnflag text NOT NULL, l_linestatus text NOT NULL,
            l_shipdate date NOT NULL, l_commitdate date NOT NULL, l_receiptdate date NOT NULL,
            l_shipinstruct text NOT NULL, l_shipmode text NOT NULL, l_comment text NOT NULL,
            PRIMARY KEY (l_orderkey, l_linenumber)) PARTITION BY HASH (l_orderkey) PARTITIONS 4",
    },
];
