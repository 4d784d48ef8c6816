{#
  Models compute whole keys (an order, a user, a product on a day) anew, as many as new events touch, so that doing it
  twice changes nothing. Which these are stands in the tables `touched_…`, one for each kind of key: all that may have
  changed since the last complete run. So it makes no difference which models ran since then, and how far they came.
#}

{# Of an increment, the keys that stand in a table of touched ones; of a whole build, all. `day` is one of them. #}
{% macro is_touched(keys, table, day=none) -%}
    {%- if not execute or is_incremental() -%}
        ({{ keys }}) in (select * from {{ ref(table) }})
        {{ 'and ' ~ is_on_touched_day(day) if day }}
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}

{#
  Whether a row is of a day on which any touched key lies. The keys say which rows are meant; this says where they are,
  by an index on the day, so that the cost of a run does not grow with the history before it.
#}
{% macro is_on_touched_day(day) -%}
    {{ day }} = any(array(select distinct performance_date from {{ ref('touched_product_days') }}))
{%- endmacro %}

{# Incremental strategy `recompute`: the keys of the table of touched keys that the model reads go, its rows come. #}
{% macro get_incremental_recompute_sql(arg_dict) -%}
    {%- for parent in model.depends_on.nodes if '.touched_' in parent -%}
        {%- set has_day = 'performance_date' in arg_dict['unique_key'] -%}
        {%- set where = is_on_touched_day('performance_date') if has_day else 'true' -%}
        {{ replace_keys(arg_dict, 'select * from ' ~ ref(parent.split('.')[-1]), 'true', where) }}
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

{% macro replace_keys(arg_dict, replaced, predicate, where='true') -%}
    {%- set columns = get_quoted_csv(arg_dict['dest_columns'] | map(attribute='name')) -%}
    {%- set key = arg_dict['unique_key'] -%}
    delete from {{ arg_dict['target_relation'] }}
    where ({{ key if key is string else key | join(', ') }}) in ({{ replaced }}) and {{ where }};

    insert into {{ arg_dict['target_relation'] }} ({{ columns }})
    select {{ columns }} from {{ arg_dict['temp_relation'] }} where {{ predicate }}
{%- endmacro %}
