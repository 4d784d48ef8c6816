{#
  How rows are read once, though landing transactions commit in any order.

  `loaded_xid` is the transaction that landed a row. `settled()` keeps to transactions below which every other has
  ended, so whatever a model has seen is complete up to its largest `loaded_xid`: nothing can appear below it later.
  `is_new()` takes what lies above that; without history it takes everything. The watermark is asked for beforehand and
  written out as a number, for the planner then sees how few rows lie above it.
#}
{% macro settled() -%}
    loaded_xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
{%- endmacro %}

{% macro is_new(column, watermark='loaded_xid') -%}
    {%- do run_query(wait_in_line()) if execute -%}
    {%- if execute and is_incremental() -%}
        {{ column }} > {{ run_query('select coalesce(max(' ~ watermark ~ '), 0) from ' ~ this)[0][0] | int }}
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}

{#
  Two runs may overlap (the schedule, a click, the command line). Each model then waits until the other run's transaction
  on it has ended: it must ask for its watermark and write under one lock, or both would take the same rows as new.
#}
{% macro wait_in_line() -%}
    select pg_advisory_xact_lock(hashtextextended('{{ this }}', 0))
{%- endmacro %}
