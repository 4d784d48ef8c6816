{#
  Whoever reads a table just written would otherwise plan as if nothing were new, until autovacuum comes by. Of a table
  just made everything is looked at; of one that has grown only what tells how much is new, in a small sample, for that
  costs the same however long the history is, and leaves autovacuum's own count of changes alone.
#}
{% macro analyze_when_written() -%}
    {%- if config.get('materialized') == 'incremental' -%}
        set local default_statistics_target = {{ 10 if is_incremental() else 100 }};
        analyze {{ this }} {{ bookkeeping(model.columns) if is_incremental() }}
    {%- endif -%}
{%- endmacro %}

{% macro bookkeeping(columns) -%}
    ({% for name in columns if name.endswith('_xid') %}{{ ', ' if not loop.first }}{{ name }}{% endfor %})
{%- endmacro %}
