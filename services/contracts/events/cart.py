"""What happens to carts: `cart.v1`."""

from services.contracts.envelope import Contract, Currency, Id, Money, Quantity, UserId


class CartItemChanged(Contract):
    """CART_ITEM_ADDED, CART_ITEM_CHANGED, CART_ITEM_REMOVED: the quantity after the change.

    `orderId` is the order that took it out of the cart, or some of it.
    """

    user_id: UserId
    cart_item_id: Id
    product_id: Id
    quantity: Quantity
    currency: Currency | None = None
    product_price: Money | None = None
    order_id: Id | None = None


class CartMerged(Contract):
    """CART_MERGED: a visitor's cart joined the user's at login."""

    user_id: UserId
    visitor_id: UserId
