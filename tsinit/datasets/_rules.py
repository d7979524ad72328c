"""How simulators refuse an argument."""


def require(holds, name, rule, value):
    """Raise ``<name> must <rule>; got <value>.`` unless the rule holds."""
    if not holds:
        raise ValueError(f"{name} must {rule}; got {value!r}.")
