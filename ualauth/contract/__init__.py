"""What modules see, without stores and stacks; public through `ualauth.module`."""
