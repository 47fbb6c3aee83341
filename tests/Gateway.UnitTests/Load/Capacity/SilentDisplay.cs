using Gateway.Load.Running;

namespace Gateway.UnitTests.Load.Capacity;

/// <summary>Keeps what was said.</summary>
internal sealed class SilentDisplay : IRunDisplay
{
    public List<string> Lines { get; } = [];

    public void Say(string text) => Lines.Add(text);

    public void Show(Action<Action<IReadOnlyList<RunProgress>>> watch) => watch(_ => { });
}
