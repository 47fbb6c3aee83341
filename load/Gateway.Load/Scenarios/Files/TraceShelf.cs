using Gateway.Load.Payloads;

namespace Gateway.Load.Scenarios.Files;

/// <summary>The traces that a file of scenarios names, each read once: for its arrivals, for what they carry, or for both.</summary>
/// <param name="path">The file; traces are found beside it.</param>
internal sealed class TraceShelf(string path)
{
    private readonly Dictionary<string, Trace> _traces = [];

    /// <summary>Null, and a complaint, when it cannot be read.</summary>
    public Trace? Find(FileValues values, LocatedJson name)
    {
        string file = FileBeside.Find(path, name.Text);
        if (_traces.TryGetValue(file, out Trace? trace)) return trace;
        try
        {
            return _traces[file] = Trace.Read(file);
        }
        catch (LoadException exception)
        {
            values.Complain(name, exception.Message);
            return null;
        }
    }
}
