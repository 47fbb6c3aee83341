using System.Buffers.Binary;
using System.Text;
using Gateway.Core.Caching.Keys;
using Gateway.Core.Models;

namespace Gateway.Core.Caching;

/// <summary>A digest of everything that a model's answers depend on, the request aside: the same for the same files, whenever they are loaded.</summary>
/// <remarks>
/// <b>Behaviour</b>: covers what <see cref="ServedModel.Digest"/> does, which is of files that did not change while they were loaded, both configuration files to the letter, where
/// the model runs, on what kind of machine, and which builds of the server and the runtime run it (<see cref="Execution.ILoadedModel.Identity"/>). Not how many threads it runs on, which may be chosen by measuring: a start on a
/// busy machine would lose all that is kept.
/// </remarks>
internal static class LoadGeneration
{
    public static UInt128 Of(AegisMac mac, ModelSource source, ServedModel model)
    {
        foreach (string place in model.Placements.Select(placement => placement.IsOnCpu ? placement.Provider : $"{placement.Provider}: {placement.Device}").Distinct()) Absorb(ref mac, Encoding.UTF8.GetBytes(place));
        Absorb(ref mac, typeof(LoadGeneration).Module.ModuleVersionId.ToByteArray());
        Span<byte> digest = stackalloc byte[16];
        BinaryPrimitives.WriteUInt128LittleEndian(digest, model.Digest);
        mac.Absorb(digest);
        foreach (string name in new[] { "config.pbtxt", "gateway.json" })
        {
            string file = Path.Combine(source.ModelDirectory, name);
            Absorb(ref mac, File.Exists(file) ? File.ReadAllBytes(file) : []);
        }

        return mac.Finish().First;
    }

    // With its length, so that what is long in one part and short in the next is not the same as the other way round.
    private static void Absorb(ref AegisMac mac, byte[] part)
    {
        mac.Absorb(BitConverter.GetBytes((long)part.Length));
        mac.Absorb(part);
    }
}
