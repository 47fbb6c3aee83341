using Gateway.Server.Hosting;

namespace Gateway.Precompute;

/// <summary>Opens what <c>--inputs</c> names.</summary>
internal static class RequestFile
{
    /// <exception cref="StartupException">It cannot be read, or does not fit the model; the message says what.</exception>
    public static IRequestSource Open(string file, ModelInput[] inputs)
    {
        try
        {
            return Path.GetExtension(file) is ".npy" or ".npz" ? new ArraySource(file, inputs) : new JsonLineSource(new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.Read));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            throw new StartupException($"--inputs: {file}: {error.Message}");
        }
    }
}
