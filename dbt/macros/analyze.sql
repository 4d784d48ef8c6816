{#
  Whoever reads a table just written would otherwise plan as if nothing were new, until autovacuum comes by. Of a table
  just made everything is looked at, before it takes the name of another, for then readers wait. Of one that has grown only
  the keys are, in a small sample: that costs the same however long the history is, and leaves autovacuum's own count of
  changes alone.
#}
{% macro postgres__create_indexes(relation) -%}
    {%- do add_constraints(relation) -%}
    {%- do default__create_indexes(relation) -%}
    {%- do run_query('analyze ' ~ relation) -%}
{%- endmacro %}

{% macro analyze_when_grown() -%}
    {%- if is_incremental() -%}
        {%- set key = config.get('unique_key') -%}
        set local default_statistics_target = 10;
        analyze {{ this }} ({{ key if key is string else key | join(', ') }})
    {%- endif -%}
{%- endmacro %}
