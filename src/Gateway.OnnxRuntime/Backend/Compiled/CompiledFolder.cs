using System.Security.Cryptography;
using System.Text.Json;

namespace Gateway.OnnxRuntime.Backend.Compiled;

/// <summary>Where the compiled form of one model version for one provider lies: in the version's folder, beside the model.</summary>
/// <remarks>
/// <b>Behaviour</b>: its names begin with a dot, so that they are no part of the model: not of its digest, nor a change that it is loaded anew for. The record is
/// written last and in one go, and names its files, which have other names each time: whoever reads it finds what belongs together, or is told that it is gone.
/// <b>Threading</b>: any, in any number of processes; of two that are made at once the one kept last stays.
/// </remarks>
internal sealed class CompiledFolder(string folder, string provider)
{
    private const int MostRecordBytes = 64 * 1024;

    // What a process that was killed left behind; one that is being written is younger.
    private static readonly TimeSpan LeftoverAge = TimeSpan.FromHours(12);

    private readonly string _prefix = $".compiled-{provider}";

    public bool Exists => File.Exists(RecordPath);

    private string RecordPath => Path.Combine(folder, _prefix + ".json");

    /// <summary>A path for a new one, whose weights go into <see cref="WeightsOf"/>.</summary>
    public string NewFile() => Path.Combine(folder, $"{_prefix}-{Guid.NewGuid():N}.onnx");

    public static string WeightsOf(string file) => Path.ChangeExtension(file, ".data");

    public string PathOf(CompiledRecord record) => Path.Combine(folder, record.File);

    /// <returns>Null when there is none that can be read.</returns>
    public CompiledRecord? Read()
    {
        try
        {
            FileInfo file = new(RecordPath);
            if (!file.Exists || file.Length > MostRecordBytes) return null;
            CompiledRecord? record = JsonSerializer.Deserialize<CompiledRecord>(File.ReadAllBytes(file.FullName));
            return record is { For: not null } && IsOurs(record.File) && (record.Weights is null || IsOurs(record.Weights)) ? record : null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or JsonException or NotSupportedException)
        {
            return null;
        }
    }

    /// <returns>What is wrong with a record's files; null when they are as they were written.</returns>
    public string? Damage(CompiledRecord record)
    {
        try
        {
            return Digest(record.File, record.Weights).Digest == record.Digest ? null : "it is damaged";
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return $"it cannot be read: {error.Message}";
        }
    }

    /// <summary>Puts a file that was written at <see cref="NewFile"/> in the place of what there was.</summary>
    /// <exception cref="IOException">It cannot be written; likewise <see cref="UnauthorizedAccessException"/>.</exception>
    public CompiledRecord Keep(string file, DateTime made, double? tolerance, CompiledKey key)
    {
        CompiledRecord? old = Read();
        string? weights = File.Exists(WeightsOf(file)) ? Path.GetFileName(WeightsOf(file)) : null;
        (long bytes, string digest) = Digest(Path.GetFileName(file), weights);
        CompiledRecord record = new(Path.GetFileName(file), weights, bytes, digest, made, tolerance, key);
        string half = Path.ChangeExtension(file, ".tmp");
        try
        {
            File.WriteAllBytes(half, JsonSerializer.SerializeToUtf8Bytes(record));
            File.Move(half, RecordPath, overwrite: true);
        }
        catch
        {
            TryDelete(half);
            throw;
        }

        if (old is not null) Discard(PathOf(old));
        RemoveLeftovers(record);
        return record;
    }

    /// <summary>Deletes what was written at <see cref="NewFile"/>, as far as it was.</summary>
    public static void Discard(string file)
    {
        TryDelete(file);
        TryDelete(WeightsOf(file));
    }

    /// <summary>Deletes what there is, unless another has been kept since.</summary>
    /// <param name="found">What <see cref="Read"/> gave.</param>
    public void Remove(CompiledRecord? found)
    {
        if (Read()?.File != found?.File) return;
        TryDelete(RecordPath);
        if (found is not null) Discard(PathOf(found));
    }

    private bool IsOurs(string? name) => name is not null && name.StartsWith(_prefix + "-", StringComparison.Ordinal) && Path.GetFileName(name) == name;

    private (long Bytes, string Digest) Digest(string file, string? weights)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = GC.AllocateUninitializedArray<byte>(1 << 20);
        long bytes = 0;
        foreach (string name in weights is null ? [file] : new[] { file, weights })
        {
            using FileStream stream = new(Path.Combine(folder, name), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0, FileOptions.SequentialScan);
            for (int read; (read = stream.Read(buffer)) > 0; bytes += read) hash.AppendData(buffer.AsSpan(0, read));
        }

        return (bytes, Convert.ToHexStringLower(hash.GetHashAndReset()));
    }

    private void RemoveLeftovers(CompiledRecord record)
    {
        foreach (FileInfo file in new DirectoryInfo(folder).EnumerateFiles(_prefix + "-*"))
        {
            if (file.Name != record.File && file.Name != record.Weights && record.Made - file.LastWriteTimeUtc > LeftoverAge) TryDelete(file.FullName);
        }
    }

    private static void TryDelete(string file)
    {
        try
        {
            File.Delete(file);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // It takes room, and nothing else.
        }
    }
}
