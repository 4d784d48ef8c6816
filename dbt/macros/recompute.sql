{#
  Models compute whole keys (an order, a user, a product on a day) anew, as many as new events touch, so that doing it
  twice changes nothing. Which these are stands in the tables `touched_…`, one for each kind of key: all that may have
  changed since the last complete run. So it makes no difference which models ran since then, and how far they came.
#}

{# Of an increment, the keys that stand in a table of touched ones; of a whole build, all. #}
{% macro is_touched(keys, table) -%}
    {%- if not execute or is_incremental() -%}
        ({{ keys }}) in (select * from {{ ref(table) }})
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}

{# Incremental strategy `recompute`: the keys of the table of touched keys that the model reads go, its rows come. #}
{% macro get_incremental_recompute_sql(arg_dict) -%}
    {%- for parent in model.depends_on.nodes if '.touched_' in parent -%}
        {{ replace_keys(arg_dict, 'select * from ' ~ ref(parent.split('.')[-1]), 'true') }}
    {%- endfor -%}
{%- endmacro %}

{#
  Incremental strategy `replace`: the keys that the model selects go, its rows come, but for those that are keys only:
  `incremental_predicates` tell them apart. For a model that knows best itself what it replaces.
#}
{% macro get_incremental_replace_sql(arg_dict) -%}
    {%- set selected = 'select ' ~ arg_dict['unique_key'] | join(', ') ~ ' from ' ~ arg_dict['temp_relation'] -%}
    {{ replace_keys(arg_dict, selected, arg_dict['incremental_predicates'] | join(' and ')) }}
{%- endmacro %}

{% macro replace_keys(arg_dict, replaced, predicate) -%}
    {%- set columns = get_quoted_csv(arg_dict['dest_columns'] | map(attribute='name')) -%}
    {%- set key = arg_dict['unique_key'] -%}
    delete from {{ arg_dict['target_relation'] }}
    where ({{ key if key is string else key | join(', ') }}) in ({{ replaced }});

    insert into {{ arg_dict['target_relation'] }} ({{ columns }})
    select {{ columns }} from {{ arg_dict['temp_relation'] }} where {{ predicate }}
{%- endmacro %}
