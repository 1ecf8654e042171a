"""How threads share a kernel's loops: the body of each ``prange`` becomes a function of its own.

    for i in prange(n):                      def loop(begin, end, x):
        ... x[i] ...            ->               for i in range(begin, end):
                                                     ... x[i] ...

                                             _share(_launch, loop, n, _parts, (x,))

With one part the loop is called here, else by a thread for each part. Both run the same code,
compiled once: so the results agree to the bit, and no more than that has to be compiled. (numba's
own ``parallel=True`` compiles the body of a loop four times, and again for a kernel without
threads. Here it has one loop to compile, `launch`, for all kernels.)

A loop may read the variables of its kernel; those that it assigns are its own.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from types import CodeType, FunctionType

from llvmlite import ir
from numba import prange, types
from numba.core import cgutils, compiler
from numba.extending import intrinsic

from autograd.kernels.compiled.apart import apart

INT = ir.IntType(64)
PARTS = "_parts"  # the last argument of every kernel: in how many parts to run its loops


# -- in the source ---------------------------------------------------------------------------------


def outlined(function: FunctionType, checked: bool) -> list[FunctionType]:
    """The loops of a kernel, and last the kernel with calls of `share` in their place.

    They look for each other, and for `WORDS`, among their globals. With `checked` the
    kernel calls the loops itself: only so it learns of an error within.
    """
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    ast.increment_lineno(tree, function.__code__.co_firstlineno - 1)
    kernel = tree.body[0]
    assert isinstance(kernel, ast.FunctionDef)
    kernel.decorator_list = []
    outliner = _Outliner(kernel, checked)
    outliner.generic_visit(kernel)
    kernel.args.args.append(ast.arg(PARTS))
    tree.body = [*outliner.loops, kernel]
    code = compile(ast.fix_missing_locations(tree), function.__code__.co_filename, "exec")
    return [
        FunctionType(part, function.__globals__)
        for part in code.co_consts
        if isinstance(part, CodeType)
    ]


class _Outliner(ast.NodeTransformer):
    """Takes the loops out of a kernel."""

    def __init__(self, kernel: ast.FunctionDef, checked: bool) -> None:
        self.name, self.checked = kernel.name, checked
        self.variables = {a.arg for a in kernel.args.args} | {*_names(kernel, ast.Store)}
        self.loops: list[ast.stmt] = []

    def visit_For(self, node: ast.For) -> ast.AST:
        count = node.iter
        if not (isinstance(count, ast.Call) and getattr(count.func, "id", "") == "prange"):
            return self.generic_visit(node)
        assert isinstance(node.target, ast.Name)
        read = {name for statement in node.body for name in _names(statement, ast.Load)}
        taken = sorted(read & self.variables - {*_names(node, ast.Store)})
        name, index = f"{self.name}_loop{len(self.loops)}", node.target.id
        loop = ast.parse(
            f"def {name}(_begin, _end, {', '.join(taken)}):\n"
            f"    _apart()\n"
            f"    for {index} in range(_begin, _end):\n"
            f"        {index} = _natural({index})"
        ).body[0]
        loop.body[1].body += node.body
        self.loops.append(_at(node, loop))
        call = ast.parse(f"_share(_launch, {name}, COUNT, {PARTS}, ({', '.join([*taken, ''])}))")
        if self.checked:
            call = ast.parse(f"{name}(0, COUNT, {', '.join(taken)})")
        arguments = call.body[0].value.args
        arguments[[getattr(a, "id", "") for a in arguments].index("COUNT")] = count.args[0]
        return _at(node, call.body[0])


def _names(tree: ast.AST, use: type) -> Iterator[str]:
    return (n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, use))


def _at(place: ast.stmt, new: ast.stmt) -> ast.stmt:
    """Say of new statements that they stand where the old one did, for messages of errors."""
    for node in ast.walk(new):
        if not hasattr(node, "lineno") or node.lineno < place.lineno:
            ast.copy_location(node, place)
    return new


# -- in the compiled code --------------------------------------------------------------------------


def launch(function, memory, parts):
    """Have threads call the function at an address with `memory` and the number of the part."""
    for part in prange(parts):
        call_part(function, memory, part)


@intrinsic
def call_part(typingctx, function, memory, part):
    """Call the function at an address."""

    def codegen(context, builder, signature, arguments):
        kind = ir.FunctionType(ir.VoidType(), [INT, INT])
        builder.call(builder.inttoptr(arguments[0], kind.as_pointer()), arguments[1:])
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, types.intp), codegen


@intrinsic
def natural(typingctx, number):
    """The same number; the compiler may take for granted that it is not negative.

    An index could count from the end, and a loop that has to find out does not become vector code.
    """

    def codegen(context, builder, signature, arguments):
        kind = ir.FunctionType(ir.VoidType(), [ir.IntType(1)])
        assume = cgutils.get_or_insert_function(builder.module, kind, "llvm.assume")
        zero = ir.Constant(arguments[0].type, 0)
        builder.call(assume, [builder.icmp_signed(">=", arguments[0], zero)])
        return arguments[0]

    return number(number), codegen


@intrinsic
def share(typingctx, launch, loop, count, parts, taken):
    """Run ``loop(begin, end, *taken)`` on each of `parts` stretches of 0 ... `count`."""
    of_launch = types.void(types.intp, types.intp, types.intp)
    of_loop = types.void(types.intp, types.intp, *map(types.unliteral, taken))

    def codegen(context, builder, signature, arguments):
        _, _, count, parts, values = arguments
        values = [
            context.cast(builder, builder.extract_value(values, i), *kinds)
            for i, kinds in enumerate(zip(taken, of_loop.args[2:], strict=True))
        ]
        packed = cgutils.pack_struct(builder, [count, parts, *values])
        memory = builder.ptrtoint(cgutils.alloca_once_value(builder, packed), INT)
        function = _part(context, builder.module, loop.dispatcher, of_loop, packed.type)
        alone = builder.icmp_signed("==", parts, INT(1))
        with builder.if_else(alone) as (alone, together):
            with alone:
                builder.call(function, [memory, INT(0)])
            with together:
                address = builder.ptrtoint(function, INT)
                compiled = launch.dispatcher.get_compile_result(of_launch)
                context.active_code_library.add_linking_library(compiled.library)
                _call(context, builder, compiled, [address, memory, parts])
        return context.get_dummy_value()

    return types.void(launch, loop, types.intp, types.intp, taken), codegen


def _part(context, module, dispatcher, signature, packed):
    """A function of an address, where a kernel packed what its loop takes, and of a part's number.

    The parts are as long as each other, or longer by one.
    """
    kind = ir.FunctionType(ir.VoidType(), [INT, INT])
    function = ir.Function(module, kind, module.get_unique_name("part"))
    function.linkage = "internal"
    builder = ir.IRBuilder(function.append_basic_block())
    address, part = function.args
    values = builder.load(builder.inttoptr(address, packed.as_pointer()))
    count, parts, *taken = cgutils.unpack_tuple(builder, values, len(packed.elements))
    begin = builder.sdiv(builder.mul(count, part), parts)
    end = builder.sdiv(builder.mul(count, builder.add(part, INT(1))), parts)
    compiled = _compile_here(context, dispatcher, signature)
    _call(context, builder, compiled, [begin, end, *taken])
    builder.ret_void()
    return function


def _compile_here(context, dispatcher, signature):
    """Compile a function as part of what is being compiled, and not as a library of its own.

    LLVM would optimise it there, and again where it is linked to.
    """
    flags = compiler.Flags()
    dispatcher.targetdescr.options.parse_as_flags(flags, dispatcher.targetoptions)
    flags.no_compile = True
    return compiler.compile_internal(
        context.typing_context, context, context.active_code_library, dispatcher.py_func,
        signature.args, signature.return_type, flags, {},
    )  # fmt: skip


def _call(context, builder, compiled, arguments) -> None:
    function = context.declare_function(builder.module, compiled.fndesc)
    kind = compiled.signature
    context.call_conv.call_function(builder, function, kind.return_type, kind.args, arguments)


WORDS = {"_share": share, "_natural": natural, "_apart": apart}
