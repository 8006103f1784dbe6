//! Attached functions that the matrix leaves out, and differences that are known, each with its reason.

/// Why a function of so many arguments is left out; None for one that is not.
pub(crate) fn reason(name: &str, arguments: usize) -> Option<&'static str> {
    Some(match name {
        "random" | "gen_random_uuid" => "yields another value at every call",
        "enum_eq" | "enum_ne" | "enum_lt" | "enum_le" | "enum_gt" | "enum_ge" | "enum_first"
        | "enum_last" | "enum_range" | "enum_send" => {
            "needs a type that is made: enum.slt, which PostgreSQL confirms, compares it"
        }
        "now" | "transaction_timestamp" | "statement_timestamp" | "clock_timestamp" | "timeofday" => {
            "tells the time"
        }
        "row_to_json" | "record_eq" | "record_ne" | "record_lt" | "record_gt" | "record_le" | "record_ge" => {
            "takes rows, which have no constants; row_values.slt has them"
        }
        "record_image_eq" | "record_image_ne" | "record_image_lt" | "record_image_gt" | "record_image_le"
        | "record_image_ge" => "row_image.slt has them, with rows of composite types",
        "json_to_record" | "jsonb_to_record" => "has its columns behind the call; json_record.slt has them",
        "age" if arguments == 1 => "counts from today",
        "version"
        | "pg_backend_pid"
        | "pg_is_in_recovery"
        | "pg_jit_available"
        | "pg_is_other_temp_schema"
        | "pg_postmaster_start_time"
        | "pg_blocking_pids"
        | "pg_sleep"
        | "pg_cancel_backend"
        | "pg_terminate_backend"
        | "pg_advisory_unlock_all"
        | "row_security_active"
        | "pg_conf_load_time" => "describes this server",
        "pg_my_temp_schema" | "current_database" | "current_user" | "session_user" | "user"
        | "getpgusername" | "current_schema" | "current_schemas" | "pg_client_encoding"
        | "inet_server_addr" | "inet_server_port" | "inet_client_addr" | "inet_client_port"
        | "current_setting" | "set_config" => "describes the session",
        "nextval" | "currval" | "lastval" | "setval" | "pg_sequence_last_value" => {
            "gives out values of sequences"
        }
        "pg_get_serial_sequence"
        | "pg_get_constraintdef"
        | "pg_get_indexdef"
        | "pg_get_expr"
        | "pg_get_userbyid"
        | "pg_get_viewdef"
        | "pg_table_is_visible"
        | "pg_type_is_visible"
        | "pg_function_is_visible"
        | "pg_operator_is_visible"
        | "pg_collation_is_visible"
        | "pg_opclass_is_visible"
        | "pg_opfamily_is_visible"
        | "pg_conversion_is_visible"
        | "pg_statistics_obj_is_visible"
        | "pg_ts_config_is_visible"
        | "pg_ts_dict_is_visible"
        | "pg_ts_parser_is_visible"
        | "pg_ts_template_is_visible"
        | "pg_get_function_arguments"
        | "pg_get_function_identity_arguments"
        | "pg_get_triggerdef"
        | "pg_get_function_result"
        | "pg_get_function_sqlbody"
        | "pg_get_statisticsobjdef_columns"
        | "pg_relation_is_publishable"
        | "pg_tablespace_location"
        | "pg_get_functiondef"
        | "obj_description"
        | "col_description"
        | "shobj_description"
        | "pg_relation_size"
        | "pg_total_relation_size"
        | "pg_database_size"
        | "pg_table_size"
        | "pg_indexes_size"
        | "pg_get_ruledef"
        | "pg_get_partkeydef"
        | "pg_get_function_arg_default"
        | "pg_relation_is_updatable"
        | "pg_column_is_updatable"
        | "pg_relation_filenode"
        | "pg_tablespace_size"
        | "pg_indexam_has_property"
        | "acldefault"
        | "to_regclass"
        | "to_regtype"
        | "to_regproc"
        | "to_regprocedure"
        | "to_regoper"
        | "to_regoperator"
        | "to_regnamespace"
        | "to_regrole" => "reads the catalog",
        "pg_typeof" => "tells the type of its argument, which is another in the way that the matrix asks",
        "has_table_privilege"
        | "has_schema_privilege"
        | "has_database_privilege"
        | "has_column_privilege"
        | "has_any_column_privilege"
        | "has_function_privilege"
        | "has_sequence_privilege"
        | "has_type_privilege"
        | "has_language_privilege"
        | "has_tablespace_privilege"
        | "has_server_privilege"
        | "has_foreign_data_wrapper_privilege"
        | "pg_has_role" => "reads grants",
        counter if counter.starts_with("pg_stat_get_") => "describes this server",
        helper if helper.starts_with("_pg_") => "is in information_schema, whose views are compared",
        _ => return None,
    })
}

/// Why an answer may differ from PostgreSQL's; None for one that may not.
pub(crate) fn known(label: &str) -> Option<&'static str> {
    if label.starts_with("{0} IN ({1}) of real, numeric") {
        return Some("IN over real and numeric is bound as real, not as double precision");
    }
    None
}
