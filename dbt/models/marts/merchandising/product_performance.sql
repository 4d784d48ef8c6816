{{ config(unique_key=['product_id', 'performance_date'], incremental_strategy='recompute',
          incremental_predicates=['coalesce(order_loaded_xid, action_loaded_xid) is not null'],
          indexes=[{'columns': ['order_loaded_xid']}, {'columns': ['action_loaded_xid']}]) }}

with order_events as (
    select * from {{ ref('int_order_events__unnest') }} where change = 'COMPLETED' and product_id is not null
),

orders as not materialized (
    select * from {{ ref('orders') }}
),

lines as not materialized (
    select * from {{ ref('order_items') }}
),

actions as not materialized (
    select * from {{ ref('actions') }} where product_id is not null and not is_simulated
),

touched as ( -- of an order also the days and products that an earlier version of it had
    select product_id, {{ shop_date('occurred_at') }} as performance_date
    from order_events
    where order_id in (select orders.order_id from orders where {{ is_new('orders.loaded_xid', 'order_loaded_xid') }})
    union
    select product_id, occurred_date from actions where {{ is_new('loaded_xid', 'action_loaded_xid') }}
),

facts as (
    select
        lines.product_id,
        lines.ordered_date as performance_date,
        lines.user_id,
        case when {{ is_sale('lines') }} then 'SOLD' else 'CANCELLED' end as fact,
        lines.order_id,
        {{ kept_quantity('lines') }} as quantity,
        {{ kept_amount('lines') }} as amount,
        lines.returned_quantity,
        lines.loaded_xid as order_loaded_xid,
        null::bigint as action_loaded_xid
    from lines
    where
        not lines.is_simulated
        {% if is_incremental() -%}
            and (lines.product_id, lines.ordered_date) in (select product_id, performance_date from touched)
        {%- endif %}
    union all
    select
        actions.product_id, actions.occurred_date, actions.user_id, actions.action_type, null, null, null, null, null,
        actions.loaded_xid
    from actions
    where
        {{ is_shopper('actions') }}
        {% if is_incremental() -%}
            and (actions.product_id, actions.occurred_date) in (select product_id, performance_date from touched)
        {%- endif %}
)

select -- the join is full, for that is never a nested loop (ADR 25)
    product_id,
    performance_date,
    (count(*) filter (where facts.fact = 'PRODUCT_VIEWED'))::int as view_count,
    (count(distinct facts.user_id) filter (where facts.fact = 'PRODUCT_VIEWED'))::int as viewer_count,
    (count(*) filter (where facts.fact in ('CART_ADD', 'CART_READD')))::int as cart_add_count,
    (count(distinct facts.order_id) filter (where facts.fact = 'SOLD'))::int as order_count,
    (count(distinct facts.user_id) filter (where facts.fact = 'SOLD'))::int as buyer_count,
    coalesce(sum(facts.quantity) filter (where facts.fact = 'SOLD'), 0)::int as unit_count,
    coalesce(sum(facts.amount) filter (where facts.fact = 'SOLD'), 0)::numeric(14, 2) as revenue,
    coalesce(sum(facts.returned_quantity), 0)::int as returned_unit_count,
    coalesce(sum(facts.quantity) filter (where facts.fact = 'CANCELLED'), 0)::int as cancelled_unit_count,
    max(facts.order_loaded_xid) as order_loaded_xid,
    max(facts.action_loaded_xid) as action_loaded_xid
from {% if is_incremental() %}touched full join facts using (product_id, performance_date){% else %}facts{% endif %}
group by product_id, performance_date
