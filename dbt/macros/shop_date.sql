{# The shop's calendar day of an instant: a sale at 23:30 in New York belongs to that day, whatever UTC says. #}
{% macro shop_date(instant) -%}
    ({{ instant }} at time zone '{{ var("timezone") }}')::date
{%- endmacro %}
