using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Gateway.Core.Models.Configuration;
using Gateway.Core.Models.Repository;

namespace Gateway.Core.Models;

/// <summary>Makes the digest that tells whether two loads are of the same model: the version's files, its complete configuration and its labels.</summary>
/// <remarks><b>Cost</b>: reads every byte of the files; for load time only. SHA-256, cut to 128 bits: what answers are kept by must not collide, not even on purpose.</remarks>
internal static class ModelDigest
{
    private const int BufferBytes = 1 << 20;

    /// <summary>Digests the files of a version's folder, by their names and contents.</summary>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public static byte[] OfFiles(string folder)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = GC.AllocateUninitializedArray<byte>(BufferBytes);
        foreach (FoundFile found in FolderWalk.Files(folder))
        {
            using FileStream file = new(Path.Combine(folder, found.RelativePath), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0, FileOptions.SequentialScan);
            Append(hash, Encoding.UTF8.GetBytes(found.RelativePath));
            long length = 0;
            for (int read; (read = file.Read(buffer)) > 0; length += read) hash.AppendData(buffer.AsSpan(0, read));
            AppendNumber(hash, length);
        }

        return hash.GetHashAndReset();
    }

    /// <summary>Joins the digest of a version's files and what else decides about its answers.</summary>
    public static UInt128 Of(byte[] files, ModelLayout layout)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Append(hash, files);
        using MemoryStream config = new();
        using (Utf8JsonWriter json = new(config)) ModelConfigJson.Write(json, layout.Config);
        Append(hash, config.ToArray());
        foreach (TensorSpec output in layout.Outputs)
        {
            AppendNumber(hash, output.Labels.Count);
            foreach (string label in output.Labels) Append(hash, Encoding.UTF8.GetBytes(label));
        }

        return BinaryPrimitives.ReadUInt128BigEndian(hash.GetHashAndReset());
    }

    // With its length, so that what is long in one part and short in the next is not the same as the other way round.
    private static void Append(IncrementalHash hash, byte[] bytes)
    {
        AppendNumber(hash, bytes.Length);
        hash.AppendData(bytes);
    }

    private static void AppendNumber(IncrementalHash hash, long number)
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, number);
        hash.AppendData(bytes);
    }
}
