using Spectre.Console;
using Spectre.Console.Rendering;

namespace Gateway.Load.Display;

/// <summary>Whether a terminal is wide enough.</summary>
internal static class ConsoleWidth
{
    // Wider than any table is, and than any terminal.
    private const int Any = 10_000;

    /// <summary>Whether nothing in it has to be wrapped.</summary>
    public static bool HasRoomFor(this IAnsiConsole console, IRenderable what) => what.Measure(RenderOptions.Create(console, console.Profile.Capabilities), Any).Max <= console.Profile.Width;
}
