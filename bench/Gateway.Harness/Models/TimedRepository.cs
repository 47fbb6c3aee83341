using System.Globalization;
using TimedBackend = Gateway.TestSupport.TimedBackend;

namespace Gateway.Harness.Models;

/// <summary>A folder with one model that waits instead of computing: so long for a run, and so much longer for each row.</summary>
/// <remarks><b>Ownership</b>: owns the folder.</remarks>
internal sealed class TimedRepository : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("gateway-timed-");
    private readonly string _factorFile;

    public TimedRepository(BenchModel model, int baseMicroseconds, int rowMicroseconds)
    {
        string version = Directory.CreateDirectory(System.IO.Path.Combine(Path, model.Name, "1")).FullName;
        _factorFile = System.IO.Path.Combine(version, "factor");
        File.WriteAllText(System.IO.Path.Combine(version, "model.onnx"), TimedBackend.Script(baseMicroseconds, rowMicroseconds, model.InputElements));
        File.WriteAllText(System.IO.Path.Combine(version, "..", "config.pbtxt"), FormattableString.Invariant(
            $"max_batch_size: {model.MaxBatchSize}\ninput [ {{ name: \"x\" data_type: TYPE_INT64 dims: [ {model.InputElements} ] }} ]\noutput [ {{ name: \"y\" data_type: TYPE_INT64 dims: [ {model.InputElements} ] }} ]\ndynamic_batching {{ }}\n"));
    }

    /// <summary>The folder to serve.</summary>
    public string Path => _folder.FullName;

    /// <summary>Makes runs so many times slower, within half a second.</summary>
    public void SlowDown(double factor)
    {
        // In one go: the server may look at any moment.
        string draft = _factorFile + ".draft";
        File.WriteAllText(draft, factor.ToString(CultureInfo.InvariantCulture));
        File.Move(draft, _factorFile, overwrite: true);
    }

    public void Dispose() => _folder.Delete(recursive: true);
}
