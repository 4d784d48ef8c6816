{# Whoever reads a table just made would otherwise plan blindly until autovacuum comes by. #}
{% macro analyze_when_made() -%}
    {%- if not is_incremental() and config.get('materialized') == 'incremental' -%}
        analyze {{ this }}
    {%- endif -%}
{%- endmacro %}
