{#
  dbt's own `incremental` with half the statements: of a model that is as it was, the contract was checked when its table
  was made, and the columns are compared with the table's (`on_schema_change: fail`). Built whole are the models that have
  changed, or that descend from such (`should_full_refresh`).
#}
{%- materialization incremental, adapter='postgres' -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- if existing is none or existing.is_view or should_full_refresh() -%}
        {{ return(dbt.materialization_incremental_default()) }}
    {%- endif -%}
    {%- set news = make_temp_relation(this) -%}
    {%- set strategy = adapter.get_incremental_strategy_macro(context, config.get('incremental_strategy', 'default')) -%}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- call statement('news') -%}
        create temporary table {{ news }} on commit drop as (
            {{ sql }}
        )
    {%- endcall -%}
    {%- set columns = process_schema_changes(config.get('on_schema_change'), news, existing) -%}
    {%- call statement('main') -%}
        {{ strategy({
            'target_relation': existing,
            'temp_relation': news,
            'unique_key': config.get('unique_key'),
            'dest_columns': columns,
            'incremental_predicates': config.get('incremental_predicates'),
        }) }}
    {%- endcall -%}
    {%- do apply_grants(existing, config.get('grants'), should_revoke=true) -%}
    {%- do persist_docs(existing, model) -%}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ return({'relations': [existing]}) }}
{%- endmaterialization -%}

{# As dbt asks for columns, but of the catalog itself: to plan a query of `information_schema` takes longer than its answer. #}
{% macro postgres__get_columns_in_relation(relation) -%}
    {%- call statement('get_columns_in_relation', fetch_result=True) -%}
        select
            attname as column_name,
            format_type(atttypid, null) as data_type,
            information_schema._pg_char_max_length(atttypid, atttypmod) as character_maximum_length,
            information_schema._pg_numeric_precision(atttypid, atttypmod) as numeric_precision,
            information_schema._pg_numeric_scale(atttypid, atttypmod) as numeric_scale
        from pg_attribute
        where attrelid = to_regclass('{{ relation }}') and attnum > 0 and not attisdropped
        order by attnum
    {%- endcall -%}
    {{ return(sql_convert_columns_in_relation(load_result('get_columns_in_relation').table)) }}
{%- endmacro %}
