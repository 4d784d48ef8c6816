{{ config(unique_key='product_id', incremental_strategy='recompute', indexes=[
    {'columns': ['product_id'], 'unique': true}, {'columns': ['reason_changed_in_run']}]) }}

with named as (
    select * from {{ ref('int_products__resolve') }}
    where name is not null and {{ is_touched('product_id', 'touched_products') }}
),

ordered as (
    select * from {{ ref('int_products__order') }} where {{ is_touched('product_id', 'touched_products') }}
),

products as (
    select product_id, named.name is not null as is_known
    from named
    full join ordered using (product_id)
),

links as not materialized (
    select * from {{ ref('int_products__link') }}
),

places as ( -- the deepest of the categories
    select distinct on (products.product_id)
        products.*, links.department, links.category, links.product_type, links.category_id,
        links.category_name, links.category_code,
        case when products.is_known then {{ pseudo_reason('links') }} else 'unknown to the catalog' end as pseudo_reason
    from products
    left join links on products.product_id = links.product_id
    order by products.product_id, links.level desc nulls last, links.category_id
),

known as (
    {% if is_incremental() %}
        select product_id, pseudo_reason, reason_changed_in_run from {{ this }}
    {% else %}
        select product_id, pseudo_reason, 0 as reason_changed_in_run from places where false
    {% endif %}
)

select
    places.product_id,
    places.is_known,
    places.department,
    places.category,
    places.product_type,
    places.category_id,
    places.category_name,
    places.category_code,
    places.pseudo_reason,
    coalesce(known.reason_changed_in_run, {{ this_run() or 0 }})::bigint as reason_changed_in_run
from places
left join known
    on places.product_id = known.product_id and places.pseudo_reason is not distinct from known.pseudo_reason
