{#
  The state of everything that a stream of events tells of, after all of them: the latest by version, then time, then id.
  What the model has is one event more, so that events that come late, again or in any order change nothing.

  `states` are the columns that the latest event says; `times` those of which the first or last is kept: `min` or `max`.
#}
{% macro latest_of(events, key, states, times={}) -%}
    {%- set columns = ([key] + states + ['version', 'occurred_at', 'event_id']) | join(', ') -%}
    {%- set noted = [''] + times.keys() | list %}
history as (
    select {{ columns }}{{ noted | join(', ') }} from {{ events }}
    {% if is_incremental() -%}
        union all
        select {{ columns }}{{ noted | join(', ') }} from {{ this }}
        where {{ key }} in (select {{ key }} from {{ events }})
    {%- endif %}
)

select distinct on ({{ key }})
    {{ columns }}
    {%- for time, pick in times.items() %}, {{ pick }}({{ time }}) over of_key as {{ time }}{% endfor %}
from history
window of_key as (partition by {{ key }})
order by {{ key }}, version desc, occurred_at desc nulls last, event_id desc
{%- endmacro %}
