/** Objects in an S3 bucket. */
export {
  type Bucket,
  type BucketLocation,
  type BucketSettings,
  BucketUnavailableError,
  bucketLocation,
  openBucket,
} from "./bucket.ts";
