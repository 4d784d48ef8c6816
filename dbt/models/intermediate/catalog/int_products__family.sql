{{ config(unique_key='product_id', incremental_strategy='recompute', indexes=[
    {'columns': ['product_id'], 'unique': true}, {'columns': ['changed_in_run']}]) }}

with products as (
    select product_id, coalesce(parent_id, product_id) as family_id from {{ ref('int_products__resolve') }}
    where {{ is_touched('product_id', 'touched_products') }}
),

known as (
    {% if is_incremental() %}
        select product_id, family_id, changed_in_run from {{ this }}
    {% else %}
        select product_id, product_id as family_id, 0 as changed_in_run from products
    {% endif %}
)

select
    products.product_id,
    products.family_id,
    case -- until the catalog tells of it, a product is its own family
        when products.family_id = coalesce(known.family_id, products.product_id)
            then coalesce(known.changed_in_run, 0)
        else {{ this_run() or 0 }}
    end::bigint as changed_in_run
from products
left join known on products.product_id = known.product_id
