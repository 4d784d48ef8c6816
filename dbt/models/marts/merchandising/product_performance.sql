{{ config(unique_key=['product_id', 'performance_date'], incremental_strategy='recompute',
          incremental_predicates=['coalesce(order_loaded_xid, action_loaded_xid) is not null'],
          indexes=[{'columns': ['order_loaded_xid']}, {'columns': ['action_loaded_xid']}]) }}

with order_events as (
    select * from {{ ref('int_order_events__unnest') }} where change = 'COMPLETED'
),

lines as (
    select * from {{ ref('order_items') }}
),

actions as (
    select * from {{ ref('actions') }} where product_id is not null
),

touched as ( -- of an order also the days and products that an earlier version of it had
    select product_id, {{ shop_date('occurred_at') }} as performance_date
    from order_events
    where order_id in (select order_id from lines where {{ is_new('loaded_xid', 'order_loaded_xid') }})
    union
    select product_id, occurred_date as performance_date
    from actions
    where {{ is_new('loaded_xid', 'action_loaded_xid') }}
),

sales as (
    select
        product_id,
        ordered_date as performance_date,
        count(distinct order_id) filter (where {{ is_sale('lines') }}) as order_count,
        count(distinct user_id) filter (where {{ is_sale('lines') }}) as buyer_count,
        sum({{ kept_quantity('lines') }}) filter (where {{ is_sale('lines') }}) as unit_count,
        sum({{ kept_amount('lines') }}) filter (where {{ is_sale('lines') }}) as revenue,
        sum(returned_quantity) as returned_unit_count,
        sum(quantity) filter (where is_cancelled) as cancelled_unit_count,
        max(loaded_xid) as loaded_xid
    from lines
    where
        not is_simulated
        {% if is_incremental() -%} and (product_id, ordered_date) in (select * from touched) {%- endif %}
    group by product_id, ordered_date
),

interest as (
    select
        product_id,
        occurred_date as performance_date,
        count(*) filter (where action_type = 'PRODUCT_VIEWED') as view_count,
        count(distinct user_id) filter (where action_type = 'PRODUCT_VIEWED') as viewer_count,
        count(*) filter (where action_type in ('CART_ADD', 'CART_READD')) as cart_add_count,
        max(loaded_xid) as loaded_xid
    from actions
    where
        {{ is_shopper('actions') }}
        {% if is_incremental() -%} and (product_id, occurred_date) in (select * from touched) {%- endif %}
    group by product_id, occurred_date
),

figures as (
    select
        touched.product_id,
        touched.performance_date,
        coalesce(interest.view_count, 0)::int as view_count,
        coalesce(interest.viewer_count, 0)::int as viewer_count,
        coalesce(interest.cart_add_count, 0)::int as cart_add_count,
        coalesce(sales.order_count, 0)::int as order_count,
        coalesce(sales.buyer_count, 0)::int as buyer_count,
        coalesce(sales.unit_count, 0)::int as unit_count,
        coalesce(sales.revenue, 0)::numeric(14, 2) as revenue,
        coalesce(sales.returned_unit_count, 0)::int as returned_unit_count,
        coalesce(sales.cancelled_unit_count, 0)::int as cancelled_unit_count,
        sales.loaded_xid as order_loaded_xid,
        interest.loaded_xid as action_loaded_xid
    from touched
    left join sales
        on touched.product_id = sales.product_id and touched.performance_date = sales.performance_date
    left join interest
        on touched.product_id = interest.product_id and touched.performance_date = interest.performance_date
)

select
    product_id,
    performance_date,
    view_count,
    viewer_count,
    cart_add_count,
    order_count,
    buyer_count,
    unit_count,
    revenue,
    returned_unit_count,
    cancelled_unit_count,
    order_loaded_xid,
    action_loaded_xid
from figures
{{ without_empty_rows() }}
