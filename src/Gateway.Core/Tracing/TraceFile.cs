using System.Globalization;

namespace Gateway.Core.Tracing;

/// <summary>A file of traces, a JSON array that is whole after each of them; or, where only so many are to be in one, a row of files with numbers behind their names.</summary>
/// <remarks>What a file of that name had when the server began is replaced. <b>Threading</b>: one thread.</remarks>
internal sealed class TraceFile(string path) : IDisposable
{
    private FileStream? _stream;
    private uint _perFile;
    private uint _count;
    private int _next;
    private bool _hasBegun;

    /// <param name="trace">Elements of the array.</param>
    /// <param name="perFile">As <see cref="TraceConfig.LogFrequency"/>.</param>
    /// <exception cref="IOException">It cannot be written.</exception>
    public void Write(ReadOnlySpan<byte> trace, uint perFile)
    {
        if (perFile != _perFile) End();
        _perFile = perFile;
        FileStream stream = _stream ??= Begin();

        // Over the bracket, and a comma in its place but for the first.
        if (stream.Length > 1) stream.Position = stream.Length - 1;
        byte[] text = new byte[trace.Length + 2];
        text[0] = stream.Length > 1 ? (byte)',' : (byte)'[';
        trace.CopyTo(text.AsSpan(1));
        text[^1] = (byte)']';
        stream.Write(text);
        stream.Flush();
        if (perFile > 0 && ++_count >= perFile) End();
    }

    public void Dispose() => End();

    private FileStream Begin()
    {
        bool isAnew = _perFile > 0 || !_hasBegun;
        string name = _perFile == 0 ? path : string.Create(CultureInfo.InvariantCulture, $"{path}.{_next++}");
        if (_perFile == 0) _hasBegun = true;
        _count = 0;
        return new FileStream(name, isAnew ? FileMode.Create : FileMode.OpenOrCreate, FileAccess.Write, FileShare.Read | FileShare.Delete);
    }

    private void End()
    {
        _stream?.Dispose();
        _stream = null;
    }
}
