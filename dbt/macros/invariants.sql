{# What a test looks at in production: the keys that are new since the last complete run, or all, if that is new. #}
{% macro is_checked(keys, table, day=none) -%}
    {%- set touched = ref(table) -%}
    {%- if execute and (flags.FULL_REFRESH or env_var('TANAWARI_REBUILT', '')) -%}
        true
    {%- else -%}
        ({{ keys }}) in (select * from {{ touched }})
        {{ 'and ' ~ is_on_touched_day(day) if day }}
    {%- endif -%}
{%- endmacro %}
