{#
  Incremental strategy `recompute`: the model selects anew all rows of every key touched by new events, and a key that
  has none any more once, as an empty row, so that its old rows go. The model's `incremental_predicates` tell rows from
  empty ones.
#}
{% macro get_incremental_recompute_sql(arg_dict) -%}
    {%- set columns = get_quoted_csv(arg_dict['dest_columns'] | map(attribute='name')) -%}
    {%- set key = arg_dict['unique_key'] -%}
    {%- set keys = key if key is string else key | join(', ') -%}
    delete from {{ arg_dict['target_relation'] }}
    where ({{ keys }}) in (select distinct {{ keys }} from {{ arg_dict['temp_relation'] }});

    insert into {{ arg_dict['target_relation'] }} ({{ columns }})
    select {{ columns }} from {{ arg_dict['temp_relation'] }}
    where {{ arg_dict['incremental_predicates'] | join(' and ') }}
{%- endmacro %}
