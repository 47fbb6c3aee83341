using System.Text;
using Gateway.Core.Caching.Keys;
using Gateway.Core.Models;

namespace Gateway.Core.Caching;

/// <summary>A digest of everything that a model's answers depend on, the request aside: the same for the same files, whenever they are loaded.</summary>
/// <remarks>
/// <b>Behaviour</b>: covers all files in the version's folder, both configuration files, where the model runs and which build of the server runs it. Files that change
/// while they are loaded give a generation of their own, which no other load has: which of the two contents was loaded cannot be told. <b>Cost</b>: reads each file
/// once more, from the system's cache, at gigabytes a second; only for models with a cache.
/// </remarks>
internal static class LoadGeneration
{
    private const int WindowBytes = 1 << 20;

    /// <summary>What the files look like, without their contents: to be taken before they are loaded.</summary>
    public static string Stamp(ModelSource source)
    {
        StringBuilder stamp = new();
        foreach (FileInfo file in Files(source)) stamp.Append(file.FullName).Append('|').Append(file.Length).Append('|').Append(file.LastWriteTimeUtc.Ticks).Append('\n');
        return stamp.ToString();
    }

    /// <param name="stamp">What <see cref="Stamp"/> said before the load.</param>
    /// <param name="device">Where the model runs.</param>
    public static UInt128 Of(AegisMac mac, ModelSource source, string stamp, string device)
    {
        Text(ref mac, device);
        Text(ref mac, typeof(LoadGeneration).Module.ModuleVersionId.ToString("N"));
        byte[] window = new byte[WindowBytes];
        foreach (FileInfo file in Files(source))
        {
            Text(ref mac, Path.GetRelativePath(source.ModelDirectory, file.FullName));
            using FileStream stream = new(file.FullName, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
            Number(ref mac, stream.Length);
            int read;
            while ((read = stream.ReadAtLeast(window, window.Length, throwOnEndOfStream: false)) > 0) mac.Absorb(window.AsSpan(0, read));
        }

        if (Stamp(source) != stamp) mac.Absorb(Guid.NewGuid().ToByteArray());
        return mac.Finish().First;
    }

    private static IEnumerable<FileInfo> Files(ModelSource source)
    {
        foreach (string name in new[] { "config.pbtxt", "gateway.json" })
        {
            FileInfo file = new(Path.Combine(source.ModelDirectory, name));
            if (file.Exists) yield return file;
        }

        DirectoryInfo version = new(Path.GetDirectoryName(source.File)!);
        if (!version.Exists) yield break;
        foreach (FileInfo file in version.EnumerateFiles("*", SearchOption.AllDirectories).OrderBy(file => file.FullName, StringComparer.Ordinal)) yield return file;
    }

    private static void Text(ref AegisMac mac, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        Number(ref mac, bytes.Length);
        mac.Absorb(bytes);
    }

    private static void Number(ref AegisMac mac, long number) => mac.Absorb(BitConverter.GetBytes(number));
}
