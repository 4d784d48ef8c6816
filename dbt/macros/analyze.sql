{#
  Whoever reads a table just written would otherwise plan as if nothing were new, until autovacuum comes by. Of a table
  just made everything is looked at; of one that has grown only the keys, in a small sample, for that costs the same
  however long the history is, and leaves autovacuum's own count of changes alone. What replaces a table has been looked
  at before it takes its name (`put_aside`).
#}
{% macro analyze_when_written() -%}
    {%- if config.get('materialized') != 'view' and not load_result('put_aside') -%}
        {%- set key = config.get('unique_key') -%}
        set local default_statistics_target = {{ 10 if is_incremental() else 100 }};
        analyze {{ this }} {% if is_incremental() %}({{ key if key is string else key | join(', ') }}){% endif %}
    {%- endif -%}
{%- endmacro %}
